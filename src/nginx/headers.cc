// add_header, add_trailer, expires (ngx_http_headers_module): a response step, and a filter for trailers.
#include <fmt/format.h>

#include "nginx/chunked.h"
#include "nginx/http_time.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Message;
using http::Name;
using proxy::Cursor;
using proxy::Filter;
using proxy::Next;
using proxy::Transaction;

constexpr int kTrailerOrder = 85;
constexpr int64_t kMaxAge = 315360000;  // ten years, what "max" means

struct Line {
  Str name;
  Name id = Name::other;
  const Script* value = nullptr;
  bool always = false;
};

enum class Inherited : uint8_t { on, off, merge };
enum class Expires : uint8_t { unset, off, epoch, max, access, modified, daily };

struct HeadersConf {
  ArenaList<Line> headers;
  ArenaList<Line> trailers;
  Setting<Inherited> header_inherit;
  Setting<Inherited> trailer_inherit;
  Expires expires = Expires::unset;
  int64_t expires_time = 0;
  const Script* expires_value = nullptr;
};

bool is_safe(uint16_t status) {
  switch (status) {
    case 200:
    case 201:
    case 204:
    case 206:
    case 301:
    case 302:
    case 303:
    case 304:
    case 307:
    case 308: return true;
    default: return false;
  }
}

// ---------------------------------------------------------------- configuration

void bind_add(void* s, const Directive& d, const Row& row) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<HeadersConf*>(scope.conf);
  Line line;
  line.name = scope.arena.dup(d.arg(0).text);
  line.id = http::name_id(line.name);
  line.value = compile_script(scope.arena, scope.http->variables, d.arg(1).text, d.arg(1).where, scope.diag);
  if (d.args() == 3) {
    if (d.arg(2).text != "always") {
      scope.error(d.arg(2).where, fmt::format("invalid parameter \"{}\"", d.arg(2).text), "only always may stand here");
      return;
    }
    line.always = true;
  }
  (row.name == "add_header" ? conf.headers : conf.trailers).push(scope.arena, line);
}

void bind_inherit(void* s, const Directive& d, const Row& row) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<HeadersConf*>(scope.conf);
  auto& setting = row.name == "add_header_inherit" ? conf.header_inherit : conf.trailer_inherit;
  Str w = d.arg(0).text;
  if (w != "on" && w != "off" && w != "merge") return bad_value(scope, d, 0, "on, off or merge");
  setting = w == "on" ? Inherited::on : w == "off" ? Inherited::off : Inherited::merge;
}

// Reads the text of `expires`; `how` says whether "modified" stood before it. Empty: it was understood.
Str parse_expires(Str text, Expires& how, int64_t& time) {
  if (how != Expires::modified) {
    if (text == "epoch" || text == "max" || text == "off") {
      how = text == "epoch" ? Expires::epoch : text == "max" ? Expires::max : Expires::off;
      return {};
    }
  }
  bool minus = false;
  if (text.starts_with("@")) {
    if (how == Expires::modified) return "daily time cannot be used with \"modified\" parameter";
    how = Expires::daily;
    text.remove_prefix(1);
  } else if (text.starts_with("+") || text.starts_with("-")) {
    minus = text[0] == '-';
    text.remove_prefix(1);
  }
  if (!parse_sec(text, time)) return "invalid value";
  if (how == Expires::daily && time > 24 * 60 * 60) return "daily time value must be less than 24 hours";
  if (minus) time = -time;
  return {};
}

void bind_expires(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<HeadersConf*>(scope.conf);
  conf.expires = Expires::access;
  if (d.args() == 2) {
    if (d.arg(0).text != "modified") return bad_value(scope, d, 0, "modified, or a single value");
    conf.expires = Expires::modified;
  }
  const config::Word& w = d.arg(d.args() - 1);
  const Script* value = compile_script(scope.arena, scope.http->variables, w.text, w.where, scope.diag);
  if (!value->constant()) {
    conf.expires_value = value;
    return;
  }
  if (Str problem = parse_expires(w.text, conf.expires, conf.expires_time); !problem.empty())
    scope.error(w.where, fmt::format("\"expires\" directive {}", problem), "a time, @time, epoch, max or off");
}

void inherit(Scope& scope, ArenaList<Line>& mine, const ArenaList<Line>& outer, Inherited rule) {
  if (rule == Inherited::off) return;
  if (mine.empty()) {
    mine = outer;
  } else if (rule == Inherited::merge) {
    for (const Line& line : outer) mine.push(scope.arena, line);
  }
}

void merge_headers(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<HeadersConf*>(child);
  const auto& p = *static_cast<const HeadersConf*>(parent);
  if (c.expires == Expires::unset) {
    c.expires = p.expires;
    c.expires_time = p.expires_time;
    c.expires_value = p.expires_value;
  }
  merge_setting<decltype(c.header_inherit)>(&c.header_inherit, &p.header_inherit);
  merge_setting<decltype(c.trailer_inherit)>(&c.trailer_inherit, &p.trailer_inherit);
  inherit(scope, c.headers, p.headers, c.header_inherit.get(Inherited::on));
  inherit(scope, c.trailers, p.trailers, c.trailer_inherit.get(Inherited::on));
}

// ---------------------------------------------------------------- responses

void put_expires(Transaction& txn, Str date, Str cache_control) {
  txn.response.headers.set(Name::expires, "Expires", date);
  txn.response.headers.set(Name::cache_control, "Cache-Control", cache_control);
}

// Seconds from now until the next time the local clock shows `of_day`.
int64_t until(int64_t now, int64_t of_day) {
  auto t = static_cast<time_t>(now);
  tm local;
  localtime_r(&t, &local);
  int64_t clock = local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec;
  return of_day > clock ? of_day - clock : of_day - clock + 24 * 60 * 60;
}

void set_expires(Transaction& txn, const HeadersConf& conf) {
  Expires how = conf.expires;
  int64_t time = conf.expires_time;
  if (conf.expires_value && !parse_expires(conf.expires_value->eval(txn), how, time).empty()) return;
  if (how == Expires::off || how == Expires::unset) return;
  if (how == Expires::epoch) return put_expires(txn, "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache");
  if (how == Expires::max)
    return put_expires(txn, "Thu, 31 Dec 2037 23:55:55 GMT", txn.arena.dup(fmt::format("max-age={}", kMaxAge)));
  auto now = static_cast<int64_t>(txn.shard.loop.wall_us() / 1000000);
  if (time == 0 && how != Expires::daily) return put_expires(txn, http_time(txn.arena, now), "max-age=0");
  int64_t changed = 0;
  int64_t when = now + time;
  if (how == Expires::daily) {
    time = until(now, time);
    when = now + time;
  } else if (how == Expires::modified && parse_http_time(txn.response.headers.value(Name::last_modified), changed)) {
    when = changed + time;
    time = when - now;
  }
  put_expires(txn, http_time(txn.arena, when),
              conf.expires_time < 0 || time < 0 ? Str{"no-cache"} : txn.arena.dup(fmt::format("max-age={}", time)));
}

// Whether the answer that a 416 took the place of had that line already, and left it.
bool carried(const Transaction& txn, Str name, Str value) {
  if (txn.response.status != 416) return false;
  for (const http::Header& h : of(txn).answer_headers)
    if (iequals(h.name, name) && h.value == value) return true;
  return false;
}

void add_line(Transaction& txn, const Line& line) {
  http::HeaderList& headers = txn.response.headers;
  Str value = line.value->eval(txn);
  // These two exist once.
  if (line.id == Name::last_modified || line.id == Name::etag) {
    if (value.empty())
      headers.remove(line.id);
    else
      headers.set(line.id, line.name, value);
    return;
  }
  if (!value.empty() && !carried(txn, line.name, value)) headers.add(line.name, value, line.id);
}

Next add_headers(Transaction& txn, Cursor&, const void* conf) {
  const auto& c = *static_cast<const HeadersConf*>(conf);
  if (txn.parent) return Next::next;
  bool safe = is_safe(txn.response.status);
  if (safe) set_expires(txn, c);
  for (const Line& line : c.headers)
    if (safe || line.always) add_line(txn, line);
  return Next::next;
}

// Trailers are sent behind the last chunk, so a body of known length becomes chunked.
class TrailerFilter final : public Filter {
 public:
  TrailerFilter(Transaction& txn, const HeadersConf& conf) : txn_(txn), conf_(conf) {}

  bool head(Transaction& txn, Message& m) override {
    bool wanted = txn.request.version >= 11 && txn.request.method != http::Method::head;
    bool has_body = m.body == http::Body::length || m.body == http::Body::chunked;
    if (!wanted || !has_body || m.status == 204 || m.status == 304 || !chunked_allowed(txn)) return false;
    safe_ = is_safe(m.status);
    m.body = http::Body::chunked;
    m.headers.remove(Name::content_length);
    return true;
  }
  void data(Str data, bool end) override {
    if (end) add();
    emit(data, end);
  }

 private:
  void add() {
    for (const Line& line : conf_.trailers) {
      if (!safe_ && !line.always) continue;
      Str value = line.value->eval(txn_);
      if (!value.empty()) txn_.response.trailers.add(line.name, value, line.id);
    }
  }
  Transaction& txn_;
  const HeadersConf& conf_;
  bool safe_ = false;
};

Filter* make_trailers(Transaction& txn, const void* conf) {
  const auto& c = *static_cast<const HeadersConf*>(conf);
  bool safe = is_safe(txn.response.status);
  bool any = false;
  for (const Line& line : c.trailers) any |= safe || line.always;
  return any && !txn.parent ? txn.arena.make<TrailerFilter>(txn, c) : nullptr;
}

void compile_headers(Scope&, Location& l, void* conf) {
  const auto& c = *static_cast<HeadersConf*>(conf);
  if (c.headers.size || (c.expires != Expires::unset && c.expires != Expires::off))
    l.response_steps.push_back({add_headers, conf, {}});
  if (c.trailers.size) l.filters.push_back({make_trailers, conf, kTrailerOrder});
}

const Row kTable[] = {
    {"add_header", kHttpEverywhere, 2, 3, Block::none, Inherit::array, bind_add, "name value [always]",
     "adds a header to successful answers and redirects, with always to all"},
    {"add_trailer", kHttpEverywhere, 2, 3, Block::none, Inherit::array, bind_add, "name value [always]",
     "adds a trailer to successful answers and redirects, with always to all"},
    {"add_header_inherit",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_inherit,
     "on | off | merge",
     "whether outer add_header lines count: where there are no own ones, never, or besides them",
     {},
     0,
     nullptr,
     "on"},
    {"add_trailer_inherit",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_inherit,
     "on | off | merge",
     "whether outer add_trailer lines count: where there are no own ones, never, or besides them",
     {},
     0,
     nullptr,
     "on"},
    {"expires",
     kHttpEverywhere,
     1,
     2,
     Block::none,
     Inherit::scalar,
     bind_expires,
     "[modified] time | epoch | max | off",
     "adds Expires and Cache-Control",
     {},
     0,
     nullptr,
     "off"},
};

}  // namespace

const Module kHeadersModule{"headers", sizeof(HeadersConf), module_create<HeadersConf>,
                            kTable,    merge_headers,       compile_headers};

}  // namespace weir::nginx
