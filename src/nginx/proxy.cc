// proxy_pass: the settings and the plan that is made of them (ngx_http_proxy_module).
#include "nginx/proxy.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "http/h1_server.h"
#include "nginx/body_file.h"
#include "nginx/client_addr.h"
#include "nginx/core.h"
#include "nginx/proxy_bind.h"
#include "nginx/proxy_buffers.h"
#include "nginx/proxy_socket.h"
#include "nginx/proxy_ssl.h"
#include "nginx/request.h"
#include "nginx/upstream.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}
ProxyConf& conf_of(void* s) {
  return *static_cast<ProxyConf*>(scope_of(s).conf);
}

struct Target {
  bool tls = false;
  Str host;  // host[:port] or unix:/path
  Str uri;
  bool ok = false;
};

Target split_target(Str text) {
  Target t;
  if (istarts_with(text, "http://"))
    text.remove_prefix(7);
  else if (istarts_with(text, "https://")) {
    t.tls = true;
    text.remove_prefix(8);
  } else
    return t;
  size_t end;
  if (text.starts_with("unix:")) {
    end = text.find(':', 5);
    t.host = text.substr(0, end);
    t.uri = end == Str::npos ? Str{} : text.substr(end + 1);
  } else {
    end = text.find_first_of("/?#");
    t.host = text.substr(0, end);
    t.uri = end == Str::npos ? Str{} : text.substr(end);
  }
  t.ok = !t.host.empty();
  return t;
}

void bind_proxy_pass(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = conf_of(s);
  Str text = scope.arena.dup(d.arg(0).text);
  c.target = text;
  c.target_where = d.arg(0).where;
  auto* l = static_cast<Location*>(scope.level);
  const Location* named = l;
  while (named->kind == MatchKind::if_block || named->kind == MatchKind::limit_except)
    named = static_cast<const Location*>(named->parent);
  c.location_name = named->name;
  if (named->kind == MatchKind::prefix || named->kind == MatchKind::no_regex)
    l->auto_redirect = named == l && l->name.ends_with("/");
  if (text.find('$') != Str::npos) {
    c.target_script = compile_script(scope.arena, scope.http->variables, text, d.arg(0).where, scope.diag);
    return;
  }
  Target t = split_target(text);
  if (!t.ok) {
    auto& e = scope.error(d.arg(0).where, "invalid URL prefix", "a URL begins with http:// or https://");
    e.product = "invalid URL prefix";
    return;
  }
  bool no_uri = named->kind == MatchKind::regex || named->kind == MatchKind::named || named != l;
  if (!t.uri.empty() && no_uri) {
    auto& e =
        scope.error(d.arg(0).where,
                    "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named "
                    "location, or inside \"if\" statement, or inside \"limit_except\" block",
                    "leave the path away");
    e.product = e.text;
    return;
  }
  c.tls = t.tls;
  c.uri = t.uri;
  c.host = host_and_port(t.host, t.tls);
}

void bind_set_header(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  HeaderLine h;
  h.name = scope.arena.dup(d.arg(0).text);
  h.id = http::name_id(h.name);
  h.value = compile_script(scope.arena, scope.http->variables, d.arg(1).text, d.arg(1).where, scope.diag);
  conf_of(s).set_headers.push(scope.arena, h);
}

template <ArenaList<Str> ProxyConf::* list>
void bind_names(void* s, const Directive& d, const Row&) {
  for (size_t i = 0; i < d.args(); i++)
    (conf_of(s).*list).push(scope_of(s).arena, scope_of(s).arena.dup(d.arg(i).text));
}

void bind_ignore_headers(void* s, const Directive& d, const Row& row) {
  constexpr Str kKnown[] = {"X-Accel-Redirect",  "X-Accel-Expires", "X-Accel-Limit-Rate",
                            "X-Accel-Buffering", "X-Accel-Charset", "Expires",
                            "Cache-Control",     "Set-Cookie",      "Vary"};
  for (size_t i = 0; i < d.args(); i++) {
    Str word = d.arg(i).text;
    if (std::any_of(std::begin(kKnown), std::end(kKnown), [&](Str known) { return iequals(known, word); })) continue;
    std::string text = fmt::format("invalid value \"{}\"", word);
    scope_of(s).error(d.arg(i).where, text, fmt::format("one of: {}", fmt::join(kKnown, ", "))).product = text;
    return;
  }
  bind_names<&ProxyConf::ignore_headers>(s, d, row);
}

void bind_version(void* s, const Directive& d, const Row&) {
  Str v = d.arg(0).text;
  if (v == "2") {
    scope_of(s).diag.add(config::Severity::planned, d.arg(0).where, "not yet: proxy_http_version 2", {});
    return;
  }
  if (v != "1.0" && v != "1.1") return bad_value(scope_of(s), d, 0, "1.0 or 1.1");
  conf_of(s).http_version = scope_of(s).arena.dup(v);
}

struct Condition {
  Str name;
  uint32_t bit;
};
constexpr Condition kConditions[] = {{"error", kNextError},
                                     {"timeout", kNextTimeout},
                                     {"invalid_header", kNextInvalidHeader},
                                     {"non_idempotent", kNextNonIdempotent},
                                     {"http_500", kNext500},
                                     {"http_502", kNext502},
                                     {"http_503", kNext503},
                                     {"http_504", kNext504},
                                     {"http_403", kNext403},
                                     {"http_404", kNext404},
                                     {"http_429", kNext429},
                                     {"updating", kNextUpdating},
                                     {"off", kNextOff}};

void bind_next_upstream(void* s, const Directive& d, const Row&) {
  uint32_t bits = 0;
  for (size_t i = 0; i < d.args(); i++) {
    uint32_t bit = 0;
    for (const Condition& c : kConditions)
      if (c.name == d.arg(i).text) bit = c.bit;
    if (!bit) return bad_value(scope_of(s), d, i, "error, timeout, invalid_header, http_500 … or off");
    bits |= bit;
  }
  conf_of(s).next_upstream = bits;
}

void bind_temp_path(void* s, const Directive& d, const Row&) {
  conf_of(s).temp_path = make_folder(scope_of(s), d);
}

// ---------------------------------------------------------------- the step

Next pass(Transaction& txn, Cursor& cursor, const void* p) {
  const auto& c = *static_cast<const ProxyConf*>(p);
  Request& r = of(txn);
  if (!r.subrequest) txn.request.expect_continue = txn.request.expect_continue && c.plan.client.request_buffering;
  bool has_body = txn.request.body != http::Body::none && c.pass_body.get(true);
  // HTTP/1.0 has no chunks: the length has to be known (ngx_http_proxy_module, proxy_request_buffering).
  bool buffers = c.plan.client.request_buffering || (txn.request.body == http::Body::chunked && c.plan.version == 10);
  txn.plan = &c.plan;  // its limit holds while the body is collected
  // An upgrade that the request asks for and the settings pass on must not wait for a body that never ends.
  if (has_body && buffers && !txn.collect_body(cursor, c.plan.client.body_memory, true, body_folder(*r.location)))
    return Next::wait;
  if (!r.subrequest && txn.request.expect_continue && txn.upload_ended())
    static_cast<http::H1Server*>(txn.client)->send_continue();
  if (txn.collected() && !txn.collected()->failed && !name_body_file(txn))
    return finish_with(txn, 500, "cannot keep the request body");
  if (!cursor.resumed) r.late_certificate = nullptr;  // one of a location that has led here
  if (c.target_script && !r.late_certificate && !find_target(txn, cursor, c)) return Next::wait;
  if (c.ssl && (!c.target_script || r.proxy_tls)) {
    if (!find_proxy_certificate(txn, cursor, *c.ssl)) return Next::wait;
    if (const Str problem = proxy_certificate_problem(txn); !problem.empty()) return finish_with(txn, 500, problem);
  }
  return txn.forward(&c.plan);
}

// ---------------------------------------------------------------- compile

void add_to_mask(Arena& arena, uint64_t (&mask)[2], ArenaList<Str>& others, Str name) {
  http::Name id = http::name_id(name);
  auto n = static_cast<unsigned>(id);
  if (id == http::Name::other)
    others.push(arena, name);
  else
    mask[n / 64] |= 1ull << (n % 64);
}

// Of a URL with variables.
bool may_be_https(Str url) {
  return !istarts_with(url, "http://");
}

net::TlsTo server_tls(Transaction& txn, const proxy::Forward& plan) {
  const auto& c = *static_cast<const ProxyConf*>(plan.conf);
  if (c.target_script && !of(txn).proxy_tls) return {};
  return tls_to_server(txn, *c.ssl, target_host(txn, c).host);
}

void make_plan(Scope& scope, Location& l, ProxyConf& c) {
  proxy::Forward& p = c.plan;
  p.pool = c.pool;
  p.choose = choose_pool;
  p.drop_request_trailers = true;
  p.connect_timeout = c.connect_timeout.get(60000);
  p.send_timeout = c.send_timeout.get(60000);
  p.read_timeout = c.read_timeout.get(60000);
  p.tries = static_cast<uint32_t>(c.next_tries.get(0));
  p.tries_timeout = c.next_timeout.get(0);
  p.client.request_buffering = c.request_buffering.get(true);
  p.client.response_buffering = c.buffering.get(true);
  p.client.pass_trailers = c.pass_trailers.get(false);
  p.client.max_body = max_body(l);
  p.client.body_memory = body_memory(l);
  p.client.response_memory = response_memory(l);
  p.client.max_temp_file = max_temp_file(l);
  p.client.ignore_client_abort = c.ignore_client_abort.get(false);
  p.version = c.http_version.get("1.1") == "1.0" ? 10 : 11;
  // What is to be spoken is known with the request only where the URL has variables; those that can be of no use are no fault.
  if (c.tls || (c.target_script && may_be_https(c.target.value))) c.ssl = make_proxy_ssl(scope, l, c.target_where);
  if (c.ssl) p.tls = server_tls;
  p.client.temp_dir = c.temp_path.get("/tmp");
  plan_source(scope, l, p);
  plan_socket(scope, l, p);
  p.build = build_request;
  p.conf = &c;
  for (const HeaderLine& h : c.set_headers) add_to_mask(scope.arena, c.set_mask, c.set_others, h.name);
  for (Str name : {"Host", "Content-Length"}) add_to_mask(scope.arena, c.set_mask, c.set_others, name);
  (void)l;
}

void compile_proxy(Scope& scope, Location& l, void* conf) {
  auto& c = *static_cast<ProxyConf*>(conf);
  if (!c.target.set || l.context == kServer) return;
  if (!c.target_script && !c.pool) {
    Target t = split_target(c.target.value);
    if (!t.ok) return;
    c.pool = find_or_make_pool(scope, t.host, t.tls ? 443 : 80, c.target_where);
  }
  make_plan(scope, l, c);
  l.has_content = true;
  l.steps[static_cast<int>(Phase::content)].insert(l.steps[static_cast<int>(Phase::content)].begin(),
                                                   proxy::Step{pass, &c, c.target_where});
  compile_response(scope, l, c);
}

template <class T>
void inherit_list(T& child, const T& parent) {
  if (child.empty()) child = parent;
}

void merge_proxy(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<ProxyConf*>(child);
  const auto& p = *static_cast<const ProxyConf*>(parent);
  inherit_list(c.set_headers, p.set_headers);
  inherit_list(c.hide_headers, p.hide_headers);
  inherit_list(c.pass_header, p.pass_header);
  inherit_list(c.ignore_headers, p.ignore_headers);
  inherit_list(c.cookie_domains, p.cookie_domains);
  inherit_list(c.cookie_paths, p.cookie_paths);
  inherit_list(c.cookie_flags, p.cookie_flags);
  if (!c.redirects_set) {
    c.redirects = p.redirects;
    c.redirect_default = p.redirect_default;
    c.redirects_set = p.redirects_set;
  }
  auto kind = static_cast<Location*>(scope.level)->kind;
  bool block = scope.level->context != kServer && (kind == MatchKind::if_block || kind == MatchKind::limit_except);
  if (!block || c.target.set) return;
  c.target = p.target;
  c.target.set = p.target.set;
  c.target_where = p.target_where;
  c.target_script = p.target_script;
  c.host = p.host;
  c.uri = p.uri;
  c.tls = p.tls;
  c.location_name = p.location_name;
}

constexpr ContextMask kHSL = kHttpServerLocation;

const Row kTable[] = {
    {"proxy_pass", kLocation | kIfInLocation | kLimitExcept, 1, 1, Block::none, Inherit::none, bind_proxy_pass, "URL",
     "sends the request to a server or an upstream"},
    {"proxy_set_header", kHSL, 2, 2, Block::none, Inherit::array, bind_set_header, "field value",
     "sets a header of the request for the server; an empty value removes it"},
    {"proxy_hide_header", kHSL, 1, 1, Block::none, Inherit::array, bind_names<&ProxyConf::hide_headers>, "field",
     "keeps a header of the response from the client"},
    {"proxy_pass_header", kHSL, 1, 1, Block::none, Inherit::array, bind_names<&ProxyConf::pass_header>, "field",
     "lets a header through that is hidden otherwise"},
    {"proxy_ignore_headers", kHSL, 1, -1, Block::none, Inherit::array, bind_ignore_headers, "field ...",
     "response headers that weir does not act on"},
    {"proxy_http_version",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_version,
     "1.0 | 1.1",
     "HTTP version towards servers",
     {},
     WEIR_FIELD(ProxyConf, http_version),
     "1.1"},
    {"proxy_method",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_value,
     "method",
     "method of the request for the server",
     {},
     WEIR_FIELD(ProxyConf, method)},
    {"proxy_set_body",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_value,
     "value",
     "body of the request for the server",
     {},
     WEIR_FIELD(ProxyConf, body)},
    {"proxy_pass_request_headers",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether the client's headers reach the server",
     {},
     WEIR_FIELD(ProxyConf, pass_headers),
     "on"},
    {"proxy_pass_request_body",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether the client's body reaches the server",
     {},
     WEIR_FIELD(ProxyConf, pass_body),
     "on"},
    {"proxy_buffering",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "keeps what a slow client does not take, so that the server is free",
     {},
     WEIR_FIELD(ProxyConf, buffering),
     "on"},
    {"proxy_request_buffering",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "reads the whole request body before a server is asked",
     {},
     WEIR_FIELD(ProxyConf, request_buffering),
     "on"},
    {"proxy_pass_trailers",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether trailers of responses reach the client",
     {},
     WEIR_FIELD(ProxyConf, pass_trailers),
     "off"},
    {"proxy_intercept_errors",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "error_page applies to the server's errors",
     {},
     WEIR_FIELD(ProxyConf, intercept_errors),
     "off"},
    {"proxy_ignore_client_abort",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "goes on with the server when the client has left",
     {},
     WEIR_FIELD(ProxyConf, ignore_client_abort),
     "off"},
    {"proxy_connect_timeout",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     "time",
     "longest wait for a connection",
     {},
     WEIR_FIELD(ProxyConf, connect_timeout),
     "60s"},
    {"proxy_send_timeout",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     "time",
     "longest pause between two writes to the server",
     {},
     WEIR_FIELD(ProxyConf, send_timeout),
     "60s"},
    {"proxy_read_timeout",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     "time",
     "longest pause between two reads from the server",
     {},
     WEIR_FIELD(ProxyConf, read_timeout),
     "60s"},
    {"proxy_next_upstream",
     kHSL,
     1,
     -1,
     Block::none,
     Inherit::scalar,
     bind_next_upstream,
     "condition ... | off",
     "what makes the next server be tried",
     {},
     WEIR_FIELD(ProxyConf, next_upstream),
     "error timeout"},
    {"proxy_next_upstream_tries",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_num,
     "number",
     "most tries; 0: no limit",
     {},
     WEIR_FIELD(ProxyConf, next_tries),
     "0"},
    {"proxy_next_upstream_timeout",
     kHSL,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     "time",
     "no new try after so long; 0: no limit",
     {},
     WEIR_FIELD(ProxyConf, next_timeout),
     "0"},
    {"proxy_temp_path",
     kHSL,
     1,
     4,
     Block::none,
     Inherit::scalar,
     bind_temp_path,
     "path [level ...]",
     "where temporary files are made",
     {},
     WEIR_FIELD(ProxyConf, temp_path)},
    {"proxy_redirect", kHSL, 1, 2, Block::none, Inherit::array, bind_proxy_redirect,
     "default | off | redirect replacement", "rewrites Location and Refresh of responses"},
    {"proxy_cookie_domain", kHSL, 1, 2, Block::none, Inherit::array, bind_cookie_domain, "off | domain replacement",
     "rewrites the domain of cookies"},
    {"proxy_cookie_path", kHSL, 1, 2, Block::none, Inherit::array, bind_cookie_path, "off | path replacement",
     "rewrites the path of cookies"},
    {"proxy_cookie_flags", kHSL, 1, -1, Block::none, Inherit::array, bind_cookie_flags, "off | cookie [flag ...]",
     "sets or clears flags of cookies"},
    {"proxy_headers_hash_max_size", kHSL, 1, 1, Block::none, Inherit::none, nullptr, "size", "size of a hash table",
     "the table grows by itself"},
    {"proxy_headers_hash_bucket_size", kHSL, 1, 1, Block::none, Inherit::none, nullptr, "size", "size of a hash table",
     "the table grows by itself"},
};

bool fetch_proxy_host(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  Str host = target_host(*ctx.txn, weir::nginx::conf_of<ProxyConf>(*ctx.txn, kProxyModule)).host;
  out = Value::of(host);
  return !host.empty();
}

bool fetch_proxy_port(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  Str port = target_host(*ctx.txn, weir::nginx::conf_of<ProxyConf>(*ctx.txn, kProxyModule)).port;
  out = Value::of(port);
  return !port.empty();
}

bool fetch_add_forwarded(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  proxy::Transaction& txn = *ctx.txn;
  const net::Addr* client = client_addr(txn);
  Str addr = client ? client->ip_text(txn.arena) : Str{};
  Str all;
  for (const http::Header* h = nullptr; (h = txn.request.headers.find(http::Name::x_forwarded_for, h));)
    all = all.empty() ? h->value : txn.arena.cat(all, ", ", h->value);
  out = Value::of(all.empty() ? addr : txn.arena.cat(all, ", ", addr));
  return true;
}

bool fetch_empty(const expr::Ctx&, const expr::Arg*, Value&) {
  return false;
}

const VariableDef kVariables[] = {
    {"proxy_host", fetch_proxy_host},
    {"proxy_port", fetch_proxy_port},
    {"proxy_add_x_forwarded_for", fetch_add_forwarded, false},
    {"proxy_internal_body_length", fetch_empty},
    {"proxy_internal_chunked", fetch_empty},
};

}  // namespace

bool serves_over_tls(const Transaction& txn) {
  if (!txn.plan || txn.plan->tls != server_tls) return txn.server && txn.server->tls_now();
  return !static_cast<const ProxyConf*>(txn.plan->conf)->target_script || of(txn).proxy_tls;
}

const Module kProxyModule{"proxy", sizeof(ProxyConf), module_create<ProxyConf>, kTable, merge_proxy, compile_proxy};
const std::span<const VariableDef> kProxyVariables{kVariables};

}  // namespace weir::nginx
