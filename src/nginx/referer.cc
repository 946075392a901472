// valid_referers and $invalid_referer (ngx_http_referer_module).
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "expr/regex.h"
#include "nginx/define.h"
#include "nginx/host_table.h"
#include "nginx/listen.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

struct Referers {
  HostTable names;  // values: the path that must follow, empty for any
  std::vector<const expr::Regex*> patterns;       // on host and path
  std::vector<const expr::Regex*> server_patterns;  // on the host
  bool none = false;
  bool blocked = false;
  bool server_names = false;
};

struct RefererConf {
  Referers* referers = nullptr;
};

const expr::Regex* pattern(Scope& scope, const config::Word& word, Str text) {
  std::string error;
  const expr::Regex* regex = expr::Regex::compile(scope.arena, text, expr::Regex::kIcase, error);
  if (!regex) refuse(scope, word.where, fmt::format("invalid regular expression \"{}\": {}", text, error));
  return regex;
}

void add_name(Scope& scope, Referers& r, const config::Word& word, Str name, Str path) {
  auto* value = scope.arena.make<Str>(scope.arena.dup(path));
  switch (r.names.add(name, value, true)) {
    case HostTable::Added::invalid:
      return refuse(scope, word.where, fmt::format("invalid hostname or wildcard \"{}\"", name));
    case HostTable::Added::conflict:
      return refuse(scope, word.where, fmt::format("conflicting parameter \"{}\"", name));
    default: return;
  }
}

void bind_referers(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<RefererConf*>(scope.conf);
  if (!conf.referers) conf.referers = scope.arena.own<Referers>();
  Referers& r = *conf.referers;
  for (size_t i = 0; i < d.args(); i++) {
    const config::Word& word = d.arg(i);
    if (word == "none") {
      r.none = true;
    } else if (word == "blocked") {
      r.blocked = true;
    } else if (word == "server_names") {
      r.server_names = true;
    } else if (word.text.starts_with('~')) {
      if (const expr::Regex* p = pattern(scope, word, word.text.substr(1))) r.patterns.push_back(p);
    } else {
      Str name = word.text;
      if (name.starts_with("http://")) name.remove_prefix(7);
      size_t slash = name.find('/');
      add_name(scope, r, word, name.substr(0, slash), slash == Str::npos ? Str{} : name.substr(slash));
    }
  }
}

bool has_path(const Str& wanted, Str rest) {
  size_t slash = rest.find('/');
  return wanted.empty() || (slash != Str::npos && rest.substr(slash).starts_with(wanted));
}

bool valid(proxy::Transaction& txn, const Referers& r) {
  const http::Header* h = txn.request.headers.find(http::Name::referer);
  if (!h) return r.none;
  Str referer = h->value;
  if (referer.size() >= 11 && istarts_with(referer, "http://"))
    referer.remove_prefix(7);
  else if (referer.size() >= 11 && istarts_with(referer, "https://"))
    referer.remove_prefix(8);
  else
    return r.blocked;
  Str host = referer.substr(0, referer.find_first_of("/:"));
  if (host.size() > 256) return false;
  char small[256];
  std::transform(host.begin(), host.end(), small, lower);
  Str low{small, host.size()};
  if (const auto* path = static_cast<const Str*>(r.names.find(low)))
    return has_path(*path, referer.substr(host.size()));
  for (const expr::Regex* p : r.server_patterns)
    if (p->test(low)) return true;
  for (const expr::Regex* p : r.patterns)
    if (p->test(referer)) return true;
  return false;
}

bool fetch_invalid(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  const Referers* r = conf_of<RefererConf>(*ctx.txn, kRefererModule).referers;
  out = Value::of(!r || valid(*ctx.txn, *r) ? Str{} : Str{"1"});
  return true;
}

void merge(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<RefererConf*>(child);
  if (!c.referers) c.referers = static_cast<const RefererConf*>(parent)->referers;
}

// The server's own names, regular expressions included; names that stand there already stay.
void compile(Scope& scope, Location& l, void* c) {
  Referers* r = static_cast<RefererConf*>(c)->referers;
  if (!r || !r->server_names) return;
  r->server_names = false;
  for (Str name : l.server->names) {
    if (name.starts_with('~')) {
      std::string error;
      const expr::Regex* p = expr::Regex::compile(scope.arena, name.substr(1), expr::Regex::kIcase, error);
      if (p) r->server_patterns.push_back(p);
    } else if (!name.empty()) {
      r->names.add(name, scope.arena.make<Str>(), true);
    }
  }
}

constexpr Str kGrows = "the table grows by itself";

const Row kTable[] = {
    {"valid_referers", kServer | kLocation, 1, -1, Block::none, Inherit::array, bind_referers,
     "none | blocked | server_names | string ...", "the Referer values for which $invalid_referer is empty"},
    {"referer_hash_max_size", kServer | kLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "size of a hash table", kGrows},
    {"referer_hash_bucket_size", kServer | kLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "size of a hash table", kGrows},
};

const VariableDef kVariables[] = {{"invalid_referer", fetch_invalid, false}};

}  // namespace

const Module kRefererModule{"referer", sizeof(RefererConf), module_create<RefererConf>, kTable, merge, compile};
const std::span<const VariableDef> kRefererVariables{kVariables};

}  // namespace weir::nginx
