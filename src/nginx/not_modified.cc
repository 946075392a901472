// If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since on answers that are 200, local or proxied
// (ngx_http_not_modified_filter_module): 304 or 412 in their place.
#include "nginx/not_modified.h"

#include "nginx/http_time.h"
#include "nginx/modules.h"
#include "nginx/request.h"

namespace weir::nginx {
namespace {

using http::Message;
using http::Name;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

enum class Since : uint8_t { off, exact, before };

struct NotModifiedConf {
  Setting<Since> since;
};

void bind_since(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<NotModifiedConf*>(scope.conf);
  Str w = d.arg(0).text;
  if (w != "off" && w != "exact" && w != "before") return bad_value(scope, d, 0, "off, exact or before");
  conf.since = w == "off" ? Since::off : w == "exact" ? Since::exact : Since::before;
}

bool last_modified(const Message& response, int64_t& when) {
  const http::Header* h = response.headers.find(Name::last_modified);
  return h && parse_http_time(h->value, when);
}

bool unmodified_since(const Message& response, Str header) {
  int64_t changed, limit;
  return last_modified(response, changed) && parse_http_time(header, limit) && limit >= changed;
}

bool modified_since(const Message& response, Str header, Since rule) {
  int64_t changed, seen;
  if (rule == Since::off || !last_modified(response, changed)) return true;
  if (!parse_http_time(header, seen)) return true;
  if (seen == changed) return false;
  return rule == Since::exact || seen < changed;
}

Str without_weakness(Str tag) {
  return tag.size() > 2 && tag.starts_with("W/") ? tag.substr(2) : tag;
}

// Whether the response's ETag is in the list. Entity tags may hold commas inside their quotes.
bool tag_listed(const Message& response, Str list, bool weak) {
  if (list == "*") return true;
  const http::Header* h = response.headers.find(Name::etag);
  if (!h) return false;
  Str tag = weak ? without_weakness(h->value) : h->value;
  while (!list.empty()) {
    Str item = list;
    if (weak) item = without_weakness(item);
    if (item.starts_with(tag)) {
      Str rest = trim(item.substr(tag.size()));
      if (rest.empty() || rest.front() == ',') return true;
    }
    size_t comma = list.find(',');
    if (comma == Str::npos) return false;
    list.remove_prefix(comma);
    while (!list.empty() && (list.front() == ',' || list.front() == ' ' || list.front() == '\t')) list.remove_prefix(1);
  }
  return false;
}

Next apply_preconditions(Transaction& txn, Cursor&, const void*) {
  Message& m = txn.response;
  if (m.status != 200 || txn.parent) return Next::next;
  switch (check_preconditions(txn, m)) {
    case Precondition::pass: return Next::next;
    case Precondition::failed: return finish_with(txn, 412);
    case Precondition::not_modified: break;
  }
  m.status = 304;
  m.reason = {};
  m.body = http::Body::none;
  m.content_length = 0;
  for (Name id : {Name::content_type, Name::content_length, Name::accept_ranges, Name::content_encoding})
    m.headers.remove(id);
  return Next::next;
}

void compile_not_modified(Scope&, Location& l, void* conf) {
  l.response_steps.push_back({apply_preconditions, conf, {}});
}

const Row kTable[] = {
    {"if_modified_since",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_since,
     "off | exact | before",
     "how If-Modified-Since compares with the answer's time: not at all, exactly, or not later",
     {},
     WEIR_FIELD(NotModifiedConf, since),
     "exact"},
};

}  // namespace

Precondition check_preconditions(Transaction& txn, const Message& response) {
  const http::HeaderList& asked = txn.request.headers;
  if (const auto* h = asked.find(Name::if_unmodified_since); h && !unmodified_since(response, h->value))
    return Precondition::failed;
  if (const auto* h = asked.find(Name::if_match); h && !tag_listed(response, h->value, false))
    return Precondition::failed;
  const auto* since = asked.find(Name::if_modified_since);
  const auto* none = asked.find(Name::if_none_match);
  if (!since && !none) return Precondition::pass;
  Since rule = conf_of<NotModifiedConf>(txn, kNotModifiedModule).since.get(Since::exact);
  if (since && modified_since(response, since->value, rule)) return Precondition::pass;
  if (none && !tag_listed(response, none->value, true)) return Precondition::pass;
  return Precondition::not_modified;
}

const Module kNotModifiedModule{"not_modified", sizeof(NotModifiedConf), module_create<NotModifiedConf>, kTable,
                                nullptr,        compile_not_modified};

}  // namespace weir::nginx
