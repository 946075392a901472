// Walking an nginx configuration: every directive is looked up in the tables by its context, checked for its arguments and
// bound; then levels are merged from their parents and compiled to segments. All problems are reported, not only the first.
#include "nginx/bind.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/sections.h"
#include "nginx/core.h"
#include "nginx/idle_values.h"
#include "nginx/listen.h"
#include "nginx/modules.h"
#include "nginx/nginx.h"
#include "nginx/planned.h"
#include "nginx/planned_place.h"
#include "nginx/request.h"
#include "nginx/traffic.h"
#include "nginx/upstream.h"

namespace weir::nginx {

namespace {

struct NamedContext {
  ContextMask bit;
  Str name;
};
constexpr NamedContext kContexts[] = {
    {kMain, "main"},
    {kEvents, "events"},
    {kHttp, "http"},
    {kServer, "server"},
    {kLocation, "location"},
    {kIfInServer, "if in server"},
    {kIfInLocation, "if in location"},
    {kLimitExcept, "limit_except"},
    {kUpstream, "upstream"},
    {kTypes, "types"},
    {kMap, "map"},
    {kGeo, "geo"},
    {kSplitClients, "split_clients"},
    {kMatch, "match"},
    {kCharsetMap, "charset_map"},
    {kStream, "stream"},
    {kStreamServer, "server in stream"},
    {kStreamUpstream, "upstream in stream"},
    {kStreamMap, "map in stream"},
    {kStreamGeo, "geo in stream"},
    {kStreamSplitClients, "split_clients in stream"},
    {kMail, "mail"},
    {kMailServer, "server in mail"},
    {kMgmt, "mgmt"},
    {kOtel, "otel_exporter"},
    {kAcme, "acme_issuer"},
};

std::string contexts_of(const std::vector<const Row*>& rows) {
  ContextMask all = 0;
  for (const Row* r : rows) all |= r->contexts;
  std::string out;
  for (const NamedContext& c : kContexts)
    if (all & c.bit) out += fmt::format("{}{}", out.empty() ? "" : ", ", c.name);
  return out;
}

// Variables that a directive which is not bound would have defined are no further errors.
void promise_variables(Scope& scope, const Directive& d) {
  for (const config::Word& w : d.words) scope.http->variables.promise(scope.arena, w.text);
  for (const Directive& child : d.block) promise_variables(scope, child);
}

void report_unknown(Scope& scope, const Directive& d) {
  promise_variables(scope, d);
  size_t used = 0;
  auto rows = index().find(d, used);
  if (!rows.empty()) {
    auto& e = scope.error(d.where, fmt::format("\"{}\" directive is not allowed here", d.name()),
                          fmt::format("it may stand in: {}", contexts_of(rows)));
    e.product = fmt::format("\"{}\" directive is not allowed here", d.name());
    return;
  }
  Str near = config::nearest(d.name(), index().names(scope.context));
  std::string remedy = near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near);
  if (config::is_rule_word(d.name())) remedy = "HAProxy's words belong into a frontend or backend section";
  auto& e = scope.error(d.where, fmt::format("unknown directive \"{}\"", d.name()), remedy);
  e.product = fmt::format("unknown directive \"{}\"", d.name());
}

bool check_shape(Scope& scope, const Directive& d, const Row& row) {
  // The code of a *_by_lua_block is its last word.
  bool code = d.words.back().quote == config::Quote::lua;
  bool block = d.has_block || code;
  auto n = static_cast<int>(d.args()) - code;
  if (row.block == Block::required && !block) {
    scope.error(d.where, fmt::format("directive \"{}\" has no opening \"{{\"", d.name()), "it is a block");
    return false;
  }
  if (row.block == Block::none && block) {
    scope.error(d.where, fmt::format("directive \"{}\" is not terminated by \";\"", d.name()), "it takes no block");
    return false;
  }
  if (n < row.min_args || (row.max_args >= 0 && n > row.max_args)) {
    auto& e = scope.error(d.where, fmt::format("invalid number of arguments in \"{}\" directive", d.name()),
                          fmt::format("write: {} {}", d.name(), row.syntax));
    e.product = fmt::format("invalid number of arguments in \"{}\" directive", d.name());
    return false;
  }
  return true;
}

// A bare word that starts a line and names a directive of this context was probably meant as one.
void warn_of_missing_semicolon(Scope& scope, const Directive& d) {
  for (size_t i = 1; i < d.words.size(); i++) {
    const config::Word& w = d.words[i];
    if (w.quote != config::Quote::none || w.where.line == d.words[i - 1].where.line) continue;
    if (!index().find_name(w.text, scope.context)) continue;
    scope.diag.warning(w.where, fmt::format("\"{}\" is taken as an argument of \"{}\"", w.text, d.name()),
                       fmt::format("if it is a directive, line {} lacks its ;", d.words[i - 1].where.line));
  }
}

const Module* module_of(const Row* row) {
  for (const Module* m : modules())
    if (!m->table.empty() && row >= m->table.data() && row < m->table.data() + m->table.size()) return m;
  return nullptr;
}

// Words that gather, and those whose own rules say when a second one is too many. All others stand once in a block.
constexpr Str kRepeatable[] = {
    "access_log",
    "add_header",
    "add_trailer",
    "allow",
    "auth_request_set",
    "break",
    "charset_map",
    "charset_types",
    "debug_connection",
    "deny",
    "empty_gif",
    "env",
    "error_log",
    "error_page",
    "geo",
    "gzip_disable",
    "gzip_proxied",
    "gzip_types",
    "header",
    "health_check",
    "if",
    "index",
    "ip_hash",
    "keepalive_disable",
    "least_conn",
    "limit_conn",
    "limit_conn_zone",
    "limit_req",
    "limit_req_zone",
    "listen",
    "load_module",
    "location",
    "log_format",
    "map",
    "match",
    "mirror",
    "proxy_cookie_domain",
    "proxy_cookie_flags",
    "proxy_cookie_path",
    "proxy_hide_header",
    "proxy_ignore_headers",
    "proxy_next_upstream",
    "proxy_pass_header",
    "proxy_redirect",
    "proxy_set_header",
    "proxy_ssl_conf_command",
    "random",
    "require",
    "return",
    "rewrite",
    "server",
    "server_name",
    "set",
    "set_by_lua_block",
    "set_real_ip_from",
    "split_clients",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_conf_command",
    "ssl_protocols",
    "ssl_session_ticket_key",
    "stub_status",
    "sub_filter",
    "sub_filter_types",
    "thread_pool",
    "types",
    "upstream",
    "valid_referers",
    "zone",
};
static_assert(std::ranges::is_sorted(kRepeatable));

// Whether this block has that word for the first time.
bool check_once(Scope& scope, const Directive& d, const Row& row) {
  if (std::ranges::binary_search(kRepeatable, row.name)) return true;
  if (std::ranges::find(*scope.bound, &row) == scope.bound->end()) {
    scope.bound->push_back(&row);
    return true;
  }
  scope.error(d.where, fmt::format("\"{}\" directive is duplicate", d.name()), "keep one of them");
  return false;
}

void bind_one(Scope& scope, const Directive& d) {
  size_t used = 0;
  const Row* row = index().find(d, scope.context, used);
  if (!row) return report_unknown(scope, d);
  warn_of_missing_semicolon(scope, d);
  if (!check_shape(scope, d, *row)) return;
  const bool once = row->no_effect.empty() ? row->bind != nullptr : row->inherit != Inherit::array;
  if (once && !check_once(scope, d, *row)) return;
  if (!row->no_effect.empty()) {
    if (!check_idle_values(scope, d, *row)) return;
    scope.diag.note(d.where, fmt::format("\"{}\" has no effect in weir: {}", d.name(), row->no_effect));
    if (!row->bind) return;  // else it has to fit to others
  }
  if (!row->bind) {
    scope.diag.add(config::Severity::planned, d.where, fmt::format("not yet: {}", row->name), {}).harmless =
        row->harmless;
    promise_variables(scope, d);
    return;
  }
  const Module* outer_module = scope.module;
  void* outer_conf = scope.conf;
  scope.module = module_of(row);
  scope.conf = scope.level && scope.module && scope.level->conf ? scope.level->conf[scope.module->index] : nullptr;
  row->bind(&scope, d, *row);
  scope.module = outer_module;
  scope.conf = outer_conf;
}

void merge_level(Scope& scope, Level& level) {
  if (!level.parent) return;
  scope.level = &level;
  scope.server = level.server;
  for (const Module* m : modules()) {
    if (!m->size) continue;
    void* child = level.conf[m->index];
    const void* parent = level.parent->conf[m->index];
    for (const Row& row : m->table)
      if (row.merge) row.merge(static_cast<char*>(child) + row.offset, static_cast<const char*>(parent) + row.offset);
    scope.module = m;
    if (m->merge) m->merge(scope, child, parent);
  }
}

void compile_location(Scope& scope, Location& l) {
  scope.level = &l;
  scope.server = l.server;
  for (const Module* m : modules()) {
    scope.module = m;
    if (m->compile) m->compile(scope, l, m->size ? l.conf[m->index] : nullptr);
  }
}

}  // namespace

const config::Index& index() {
  static const config::Index built = [] {
    config::Index i;
    int n = 0;
    for (const Module* m : modules()) {
      m->index = n++;
      i.add(m->table);
    }
    add_planned(i);
    i.seal();
    return i;
  }();
  return built;
}

void make_conf(Arena& arena, Level& level) {
  level.conf = arena.array<void*>(modules().size());
  for (const Module* m : modules()) {
    if (!m->size) continue;
    level.conf[m->index] = arena.alloc(m->size, 16);
    m->create(level.conf[m->index]);
  }
}

Location* Scope::new_location(Level& parent, ContextMask c) {
  auto* l = arena.own<Location>();
  l->context = c;
  l->parent = &parent;
  l->server = server;
  make_conf(arena, *l);
  parent.children.push_back(l);
  http->levels.push_back(l);
  return l;
}

void Scope::bind_block(const Directive& d, ContextMask c) {
  ContextMask outer = std::exchange(context, c);
  std::vector<const Row*> here;
  auto* outside = std::exchange(bound, &here);
  for (const Directive& child : d.block) bind_one(*this, child);
  context = outer;
  bound = outside;
}

void bind_directives(Scope& scope, const std::vector<const Directive*>& directives) {
  (void)index();
  std::vector<const Row*> here;
  scope.bound = &here;
  for (const Directive* d : directives) bind_one(scope, *d);
}

void finish_http(Scope& scope) {
  Http& http = *scope.http;
  for (const Module* m : modules())
    if (m->finish) m->finish(scope);
  for (Level* level : http.levels) merge_level(scope, *level);
  for (Level* level : http.levels)
    if (level->context != kHttp) compile_location(scope, *static_cast<Location*>(level));
  http.variables.resolve(scope.diag);
  if (scope.options.allow_planned) close_planned(scope);
  for (ServerBlock* s : http.servers) build_segments(scope, *s);
  build_listeners(scope);
  make_counters(scope);
  make_folders(scope);
}

}  // namespace weir::nginx
