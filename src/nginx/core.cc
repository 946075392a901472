// http {}, server {}, location {} and the settings that say how clients are treated.
#include "nginx/core.h"

#include <fmt/format.h>

#include <algorithm>

#include "expr/regex.h"
#include "http/h1_server.h"
#include "nginx/bind.h"
#include "nginx/error_log.h"
#include "nginx/locate.h"
#include "nginx/planned_place.h"
#include "proxy/delay.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Cursor;
using proxy::Next;
using proxy::Step;
using proxy::Transaction;

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

void bind_http(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  scope.level = &scope.http->level;
  scope.bind_block(d, kHttp);
  scope.level = nullptr;
}

void bind_server(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* server = scope.arena.own<ServerBlock>();
  server->directive = &d;
  server->level.server = server;
  server->level.context = kServer;
  server->level.parent = &scope.http->level;
  server->level.kind = MatchKind::prefix;
  make_conf(scope.arena, server->level);
  scope.http->servers.push_back(server);
  scope.http->levels.push_back(&server->level);
  Level* outer = scope.level;
  scope.level = &server->level;
  scope.server = server;
  scope.bind_block(d, kServer);
  scope.server = nullptr;
  scope.level = outer;
}

bool read_match(Scope& scope, const Directive& d, Location& l) {
  Str modifier = d.args() == 2 ? d.arg(0).text : Str{};
  Str name = d.arg(d.args() - 1).text;
  auto& where = d.arg(d.args() - 1).where;
  if (d.args() == 1) {
    // "=/path", "~pattern" and the like may be written in one word.
    for (Str m : {"^~", "~*", "=", "~"})
      if (name.starts_with(m) && name.size() > m.size()) {
        modifier = m;
        name.remove_prefix(m.size());
        break;
      }
  }
  l.name = scope.arena.dup(name);
  if (modifier.empty()) {
    l.kind = name.starts_with("@") ? MatchKind::named : MatchKind::prefix;
  } else if (modifier == "=") {
    l.kind = MatchKind::exact;
  } else if (modifier == "^~") {
    l.kind = MatchKind::no_regex;
  } else if (modifier == "~" || modifier == "~*") {
    std::string error;
    l.kind = MatchKind::regex;
    l.regex =
        expr::Regex::compile(scope.arena, name, modifier == "~*" ? expr::Regex::kIcase : expr::Regex::kNone, error);
    if (!l.regex) {
      scope.error(where, fmt::format("invalid regular expression \"{}\": {}", name, error));
      return false;
    }
    define_captures(scope, *l.regex);
  } else {
    scope.error(d.arg(0).where, fmt::format("invalid location modifier \"{}\"", modifier), "use =, ^~, ~ or ~*");
    return false;
  }
  return true;
}

bool check_nesting(Scope& scope, const Directive& d, const Location& l, const Level& parent) {
  if (parent.context != kLocation) return true;
  const auto& outer = static_cast<const Location&>(parent);
  auto complain = [&](std::string text) {
    scope.error(d.where, std::move(text));
    return false;
  };
  if (outer.kind == MatchKind::exact)
    return complain(fmt::format("location \"{}\" cannot be inside the exact location \"{}\"", l.name, outer.name));
  if (outer.kind == MatchKind::named)
    return complain(fmt::format("location \"{}\" cannot be inside the named location \"{}\"", l.name, outer.name));
  if (l.kind == MatchKind::named)
    return complain(fmt::format("named location \"{}\" can be on the server level only", l.name));
  if (l.kind != MatchKind::regex && !l.name.starts_with(outer.name))
    return complain(fmt::format("location \"{}\" is outside location \"{}\"", l.name, outer.name));
  return true;
}

void bind_location(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  Level& parent = *scope.level;
  Location* l = scope.new_location(parent, kLocation);
  l->directive = &d;
  if (!read_match(scope, d, *l) || !check_nesting(scope, d, *l, parent)) {
    parent.children.pop_back();
    scope.http->levels.pop_back();
    return;
  }
  for (const Location* other : parent.children)
    if (other != l && other->context == kLocation && other->kind != MatchKind::regex && l->kind != MatchKind::regex &&
        other->name == l->name &&
        (other->kind == l->kind || (other->kind != MatchKind::exact && l->kind != MatchKind::exact)))
      scope.error(d.where, fmt::format("duplicate location \"{}\"", l->name), "merge the two blocks");
  if (l->kind == MatchKind::named) scope.server->named[std::string(l->name)] = l;
  scope.level = l;
  scope.bind_block(d, kLocation);
  scope.level = &parent;
}

void bind_keepalive_timeout(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = *static_cast<CoreConf*>(scope.conf);
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms)) return bad_value(scope, d, 0, "a time such as 75s, 0 for no keep-alive");
  c.keepalive_timeout = static_cast<uint32_t>(ms);
  int64_t header = 0;
  if (d.args() == 2) {
    if (!parse_sec(d.arg(1).text, header)) return bad_value(scope, d, 1, "a time in seconds");
    c.keepalive_header = scope.arena.dup(fmt::format("timeout={}", header));
  }
}

void bind_large_buffers(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = *static_cast<CoreConf*>(scope.conf);
  auto n = parse_u64(d.arg(0).text);
  uint64_t size = 0;
  if (!n || *n == 0) return bad_value(scope, d, 0, "a number of buffers");
  if (!parse_size(d.arg(1).text, size)) return bad_value(scope, d, 1, "a size such as 8k");
  c.large_buffer_count = static_cast<int64_t>(*n);
  c.large_buffer_size = size;
}

void bind_internal(void* s, const Directive&, const Row&) {
  static_cast<CoreConf*>(scope_of(s).conf)->internal = true;
}

Str choice(Scope& scope, const Directive& d, std::initializer_list<Str> words) {
  std::string all;
  for (Str w : words) {
    if (d.arg(0).text == w) return w;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", w);
  }
  bad_value(scope, d, 0, "one of: " + all);
  return {};
}

void bind_satisfy(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  static_cast<CoreConf*>(scope.conf)->satisfy = choice(scope, d, {"all", "any"});
}

void bind_lingering_close(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  static_cast<CoreConf*>(scope.conf)->lingering_close = choice(scope, d, {"off", "on", "always"});
}

void bind_body_temp_path(void* s, const Directive& d, const Row&) {
  static_cast<CoreConf*>(scope_of(s).conf)->body_temp_path = make_folder(scope_of(s), d);
}

// ---------------------------------------------------------------- steps

Next check_uri_changed(Transaction& txn, Cursor& c, const void*) {
  Request& r = of(txn);
  if (!r.uri_changed) return Next::next;
  r.uri_changed = false;
  if (r.redirects++ >= 10)
    return finish_with(txn, 500,
                       txn.arena.cat("rewrite or internal redirection cycle while processing \"", r.uri, "\""));
  c.target_segment = &r.server->locate;
  return Next::goto_;
}

Next enter_if(Transaction& txn, Cursor& c, const void* conf) {
  const Request& r = of(txn);
  if (r.location == conf) return Next::next;
  c.target_segment = &r.location->request_segment;
  return Next::goto_;
}

Next check_internal(Transaction& txn, Cursor&, const void*) {
  return of(txn).internal || of(txn).subrequest ? Next::next : finish_with(txn, 404);
}

Next check_body_size(Transaction& txn, Cursor&, const void* conf) {
  uint64_t limit = reinterpret_cast<uint64_t>(conf);
  if (of(txn).internal || of(txn).subrequest) return Next::next;
  if (txn.request.body != http::Body::length || txn.request.content_length <= limit) return Next::next;
  txn.error.text = "client intended to send too large body";
  log_error(&txn, LogLevel::error, 0, fmt::format("{}: {} bytes", txn.error.text, txn.request.content_length));
  return finish_with(txn, 413);
}

Next apply_timeouts(Transaction& txn, Cursor&, const void* conf) {
  if (of(txn).subrequest) return Next::next;
  const auto& c = *static_cast<const CoreConf*>(conf);
  static_cast<http::H1Server*>(txn.client)->set_timeouts(c.timeouts);
  static_cast<http::H1Server*>(txn.client)
      ->set_keepalive_requests(static_cast<uint32_t>(c.keepalive_requests.get(1000)));
  return Next::next;
}

// Ends the access checks with a refusal; a 401 waits for auth_delay first, so that guessing is slow.
Next refuse_access(Transaction& txn, Cursor& cursor, const CoreConf& core, uint16_t status) {
  Request& r = of(txn);
  r.access_index = 0;
  r.access_status = 0;
  uint32_t pause = status == 401 ? core.auth_delay.get(0) : 0;
  if (!pause) return finish_with(txn, status);
  r.access_delayed = true;
  cursor.state = proxy::Delay::start(txn, cursor, pause);
  return Next::wait;
}

Next run_access(Transaction& txn, Cursor& cursor, const void* conf) {
  Request& r = of(txn);
  const auto& l = *static_cast<const Location*>(conf);
  const auto& core = l.of<CoreConf>(kCoreModule);
  if (r.subrequest) return Next::next;
  if (r.access_delayed) {
    if (!static_cast<const proxy::Delay*>(cursor.state)->over()) return Next::wait;
    r.access_delayed = false;
    return finish_with(txn, 401);
  }
  bool any = core.satisfy.get("all") == "any";
  while (r.access_index < l.access.size()) {
    const AccessCheck& check = l.access[r.access_index];
    uint16_t status = 403;
    Access a = check.check(txn, cursor, check.conf, status);
    cursor.resumed = false;
    if (a == Access::wait) return Next::wait;
    if (a == Access::failed) {
      r.access_index = 0;
      return Next::done;
    }
    cursor.state = nullptr;
    r.access_index++;
    if (a == Access::deny) {
      if (!any || (status != 403 && status != 401)) return refuse_access(txn, cursor, core, status);
      if (r.access_status != 401) r.access_status = status;
    }
    if (a == Access::allow && any) {
      r.access_status = 0;
      r.answer_headers = {};
      break;
    }
  }
  r.access_index = 0;
  if (r.access_status == 0) return Next::next;
  if (r.access_status == 403) log_error(&txn, LogLevel::error, 0, "access forbidden by rule");
  return refuse_access(txn, cursor, core, r.access_status);
}

Next not_found(Transaction& txn, Cursor&, const void*) {
  return finish_with(txn, 404);
}

// ---------------------------------------------------------------- compile

void compile_core(Scope& scope, Location& l, void* conf) {
  auto& c = *static_cast<CoreConf*>(conf);
  auto* t = scope.arena.make<model::ClientTimeouts>();
  t->head = c.client_header_timeout.get(60000);
  t->keepalive = c.keepalive_timeout.get(75000);
  t->body = c.client_body_timeout.get(60000);
  t->send = c.send_timeout.get(60000);
  bool linger = c.lingering_close.get("on") != "off";
  t->linger = linger ? c.lingering_timeout.get(5000) : 0;
  t->reset_on_timeout = c.reset_timedout_connection.get(false);
  c.timeouts = t;
  l.internal = c.internal.get(false);
}

proxy::Segment make_segment(Arena& arena, Str name, const std::vector<Step>& steps, const void* owner) {
  auto* p = arena.array<Step>(steps.size());
  std::copy(steps.begin(), steps.end(), p);
  return {name, p, static_cast<uint32_t>(steps.size()), owner};
}

void inherit_for_if(Location& l) {
  auto& outer = *static_cast<Location*>(l.parent);
  for (Phase p : {Phase::content, Phase::precontent}) {
    auto& mine = l.steps[static_cast<int>(p)];
    if (p == Phase::content && l.has_content) continue;
    mine = outer.steps[static_cast<int>(p)];
  }
  l.steps[static_cast<int>(Phase::preaccess)] = outer.steps[static_cast<int>(Phase::preaccess)];
  if (l.kind == MatchKind::if_block) l.access = outer.access;
}

void build_location(Scope& scope, Location& l, bool is_server) {
  const auto& core = l.of<CoreConf>(kCoreModule);
  bool is_if = l.kind == MatchKind::if_block || l.kind == MatchKind::limit_except;
  if (is_if) inherit_for_if(l);
  std::vector<Step> all;
  if (l.planned) all.push_back({answer_planned, l.planned, l.planned->where});
  auto add = [&](Phase p) {
    auto& steps = l.steps[static_cast<int>(p)];
    all.insert(all.end(), steps.begin(), steps.end());
  };
  if (l.internal) all.push_back({check_internal, nullptr, {}});
  if (!is_server && !is_if) add(Phase::rewrite);
  // The rewrite steps of an `if` block run inside the location's (rewrite_if.cc puts them there); what remains of a block
  // whose condition held is entered behind them, as a location of its own.
  bool may_change = !is_server && !is_if && !l.steps[0].empty();
  if (may_change) all.push_back({check_uri_changed, nullptr, {}});
  if (may_change) all.push_back({enter_if, &l, {}});
  if (uint64_t limit = max_body(l)) all.push_back({check_body_size, reinterpret_cast<const void*>(limit), {}});
  bool same_timeouts = *core.timeouts == *l.server->level.of<CoreConf>(kCoreModule).timeouts;
  if (!same_timeouts || core.keepalive_requests.set) all.push_back({apply_timeouts, &core, {}});
  add(Phase::preaccess);
  if (!l.access.empty()) all.push_back({run_access, &l, {}});
  add(Phase::precontent);
  add(Phase::content);
  all.push_back({not_found, nullptr, {}});
  l.request_segment = make_segment(scope.arena, l.name, all, &l);
  l.response_segment = make_segment(scope.arena, l.name, l.response_steps, &l);
  std::stable_sort(l.filters.begin(), l.filters.end(),
                   [](const FilterMaker& a, const FilterMaker& b) { return a.order < b.order; });
  build_lookup(l);
  for (Location* child : l.children) build_location(scope, *child, false);
}

constexpr Str kTimeHelp = "time";

const Row kTable[] = {
    {"http", kMain, 0, 0, Block::required, Inherit::none, bind_http, "{ ... }", "opens the HTTP configuration"},
    {"server", kHttp, 0, 0, Block::required, Inherit::none, bind_server, "{ ... }", "a virtual server"},
    {"location", kServer | kLocation, 1, 2, Block::required, Inherit::none, bind_location,
     "[ = | ~ | ~* | ^~ ] uri { ... }", "settings for the requests whose URI matches"},
    {"internal", kLocation, 0, 0, Block::none, Inherit::none, bind_internal, "",
     "only internal requests reach this location"},
    {"client_max_body_size",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_size,
     "size",
     "largest request body; 0 allows any",
     {},
     WEIR_FIELD(CoreConf, client_max_body_size),
     "1m"},
    {"client_body_buffer_size",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_size,
     "size",
     "request body bytes kept in memory before a temporary file is used",
     {},
     WEIR_FIELD(CoreConf, client_body_buffer_size),
     "16k"},
    {"client_body_temp_path",
     kHttpServerLocation,
     1,
     4,
     Block::none,
     Inherit::scalar,
     bind_body_temp_path,
     "path [level ...]",
     "where request bodies are kept that do not fit into memory",
     {},
     WEIR_FIELD(CoreConf, body_temp_path)},
    {"client_header_timeout",
     kHttp | kServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "how long a request head may take",
     {},
     WEIR_FIELD(CoreConf, client_header_timeout),
     "60s"},
    {"client_body_timeout",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "longest pause between two reads of a request body",
     {},
     WEIR_FIELD(CoreConf, client_body_timeout),
     "60s"},
    {"send_timeout",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "longest pause between two writes of a response",
     {},
     WEIR_FIELD(CoreConf, send_timeout),
     "60s"},
    {"keepalive_timeout",
     kHttpServerLocation,
     1,
     2,
     Block::none,
     Inherit::scalar,
     bind_keepalive_timeout,
     "timeout [header_timeout]",
     "how long an idle client connection stays open",
     {},
     WEIR_FIELD(CoreConf, keepalive_timeout),
     "75s"},
    {"keepalive_requests",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_num,
     "number",
     "requests after which a client connection is closed",
     {},
     WEIR_FIELD(CoreConf, keepalive_requests),
     "1000"},
    {"keepalive_time",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "how long requests are taken on one client connection",
     {},
     WEIR_FIELD(CoreConf, keepalive_time),
     "1h"},
    {"lingering_close",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_lingering_close,
     "off | on | always",
     "whether unread request bytes are awaited before closing",
     {},
     WEIR_FIELD(CoreConf, lingering_close),
     "on"},
    {"lingering_timeout",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "longest wait for more bytes while lingering",
     {},
     WEIR_FIELD(CoreConf, lingering_timeout),
     "5s"},
    {"lingering_time",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "longest lingering altogether",
     {},
     WEIR_FIELD(CoreConf, lingering_time),
     "30s"},
    {"satisfy",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_satisfy,
     "all | any",
     "whether all access checks must agree or one is enough",
     {},
     WEIR_FIELD(CoreConf, satisfy),
     "all"},
    {"auth_delay",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     kTimeHelp,
     "how long an answer with status 401 is held back",
     {},
     WEIR_FIELD(CoreConf, auth_delay),
     "0s"},
    {"absolute_redirect",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "redirects made here name scheme and host",
     {},
     WEIR_FIELD(CoreConf, absolute_redirect),
     "on"},
    {"server_name_in_redirect",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "redirects name the first server_name instead of the request's Host",
     {},
     WEIR_FIELD(CoreConf, server_name_in_redirect),
     "off"},
    {"port_in_redirect",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "redirects name the port when it is not the scheme's",
     {},
     WEIR_FIELD(CoreConf, port_in_redirect),
     "on"},
    {"merge_slashes",
     kHttp | kServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "several slashes in a path count as one",
     {},
     WEIR_FIELD(CoreConf, merge_slashes),
     "on"},
    {"ignore_invalid_headers",
     kHttp | kServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "headers with odd names are dropped instead of refused",
     {},
     WEIR_FIELD(CoreConf, ignore_invalid_headers),
     "on"},
    {"underscores_in_headers",
     kHttp | kServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "header names may contain underscores",
     {},
     WEIR_FIELD(CoreConf, underscores_in_headers),
     "off"},
    {"client_header_buffer_size",
     kHttp | kServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_size,
     "size",
     "first buffer for a request head; larger heads count against large_client_header_buffers",
     {},
     WEIR_FIELD(CoreConf, header_buffer_size),
     "1k"},
    {"large_client_header_buffers",
     kHttp | kServer,
     2,
     2,
     Block::none,
     Inherit::scalar,
     bind_large_buffers,
     "number size",
     "largest request line and header line, and how many such lines",
     {},
     WEIR_FIELD(CoreConf, large_buffer_size),
     "4 8k"},
    {"max_headers",
     kHttp | kServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_num,
     "number",
     "most header lines of a request",
     {},
     WEIR_FIELD(CoreConf, max_headers),
     "1000"},
    {"log_not_found",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "missing files are worth an error log line",
     {},
     WEIR_FIELD(CoreConf, log_not_found),
     "on"},
    {"log_subrequest",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "subrequests are written to the access log",
     {},
     WEIR_FIELD(CoreConf, log_subrequest),
     "off"},
    {"recursive_error_pages",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "an error page's own error leads to another error page",
     {},
     WEIR_FIELD(CoreConf, recursive_error_pages),
     "off"},
    {"reset_timedout_connection",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "connections that timed out are reset instead of closed",
     {},
     WEIR_FIELD(CoreConf, reset_timedout_connection),
     "off"},
};

void merge_core(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<CoreConf*>(child);
  const auto& p = *static_cast<const CoreConf*>(parent);
  merge_setting<decltype(c.large_buffer_count)>(&c.large_buffer_count, &p.large_buffer_count);
  merge_setting<decltype(c.keepalive_header)>(&c.keepalive_header, &p.keepalive_header);
}

}  // namespace

uint64_t max_body(const Level& level) {
  return level.of<CoreConf>(kCoreModule).client_max_body_size.get(1 << 20);
}

void build_segments(Scope& scope, ServerBlock& server) {
  std::vector<Step> entry = server.level.steps[static_cast<int>(Phase::rewrite)];
  if (const Planned* p = server.level.planned) entry.insert(entry.begin(), {answer_planned, p, p->where});
  entry.push_back({find_location, nullptr, {}});
  server.entry = make_segment(scope.arena, "server", entry, &server);
  server.locate = make_segment(scope.arena, "server", {{find_location, nullptr, {}}}, &server);
  build_location(scope, server.level, true);
}

const Module kCoreModule{"core", sizeof(CoreConf), module_create<CoreConf>, kTable, merge_core, compile_core};

}  // namespace weir::nginx
