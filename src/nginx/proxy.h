#pragma once
// proxy_pass and its family. proxy.cc has the settings, proxy_request.cc writes the request for the server, proxy_response.cc
// treats the answer, proxy_retry.cc decides about the next upstream.
#include "base/error.h"
#include "nginx/host_and_port.h"
#include "nginx/module.h"
#include "proxy/forward.h"

namespace weir::nginx {

struct ProxySsl;

struct HeaderLine {
  Str name;
  http::Name id = http::Name::other;
  const Script* value = nullptr;
};

// proxy_next_upstream conditions.
enum NextUpstream : uint32_t {
  kNextError = 1 << 0,
  kNextTimeout = 1 << 1,
  kNextInvalidHeader = 1 << 2,
  kNext500 = 1 << 3,
  kNext502 = 1 << 4,
  kNext503 = 1 << 5,
  kNext504 = 1 << 6,
  kNext403 = 1 << 7,
  kNext404 = 1 << 8,
  kNext429 = 1 << 9,
  kNextNonIdempotent = 1 << 10,
  kNextOff = 1 << 11,
  kNextUpdating = 1 << 12,
};

struct ProxyRedirect {
  const Script* from = nullptr;
  const expr::Regex* regex = nullptr;
  const Script* to = nullptr;
};

struct CookieFlags {
  const Script* name = nullptr;
  const expr::Regex* regex = nullptr;
  ArenaList<const Script*> flags;
};

struct ProxyConf {
  // proxy_pass
  Setting<Str> target;  // as written: "http://backend/uri"
  config::Where target_where;
  const Script* target_script = nullptr;  // with variables
  model::Pool* pool = nullptr;
  HostAndPort host;
  Str uri;  // the URI part, may be empty
  bool tls = false;
  Str location_name;  // what `uri` replaces

  ArenaList<HeaderLine> set_headers;
  Setting<const Script*> method;
  Setting<const Script*> body;
  Setting<Str> http_version;
  Setting<bool> pass_headers;
  Setting<bool> pass_body;
  Setting<bool> buffering;
  Setting<bool> request_buffering;
  Setting<bool> pass_trailers;
  Setting<bool> intercept_errors;
  Setting<bool> ignore_client_abort;
  Setting<uint32_t> connect_timeout;
  Setting<uint32_t> send_timeout;
  Setting<uint32_t> read_timeout;
  Setting<uint32_t> next_timeout;
  Setting<int64_t> next_tries;
  Setting<uint32_t> next_upstream;
  Setting<Str> temp_path;
  ArenaList<Str> hide_headers;
  ArenaList<Str> pass_header;
  ArenaList<Str> ignore_headers;
  ArenaList<ProxyRedirect> redirects;
  bool redirects_set = false;
  bool redirect_default = true;
  ArenaList<ProxyRedirect> cookie_domains;
  ArenaList<ProxyRedirect> cookie_paths;
  ArenaList<CookieFlags> cookie_flags;

  // Made at compile.
  proxy::Forward plan;
  const ProxySsl* ssl = nullptr;  // of https; null: plain
  uint64_t set_mask[2] = {};  // interned names that set_headers covers
  ArenaList<Str> set_others;
  uint64_t hide_mask[2] = {};
  ArenaList<Str> hide_others;
};

extern const Module kProxyModule;
extern const std::span<const VariableDef> kProxyVariables;

void build_request(proxy::Transaction& txn, http::Message& out, const proxy::Forward& plan);
void compile_response(Scope& scope, Location& location, ProxyConf& conf);
void bind_proxy_redirect(void* scope, const Directive& d, const Row& row);
void bind_cookie_domain(void* scope, const Directive& d, const Row& row);
void bind_cookie_path(void* scope, const Directive& d, const Row& row);
void bind_cookie_flags(void* scope, const Directive& d, const Row& row);

bool wants_next_upstream(const proxy::Transaction& txn, const Error& why);
void count_failure(proxy::Transaction& txn, const Error& why);
void count_answer(proxy::Transaction& txn);
// $proxy_host and $proxy_port: of this request where proxy_pass has variables, else as it stands in the file.
const HostAndPort& target_host(proxy::Transaction& txn, const ProxyConf& c);
// Finds out where a request goes whose proxy_pass has variables; sets its proxy_host and proxy_uri. False: the cursor has to wait.
bool find_target(proxy::Transaction& txn, proxy::Cursor& cursor, const ProxyConf& conf);
// The pool that was found; null: Transaction::error says why there is none.
const model::Pool* choose_dynamic(proxy::Transaction& txn, const ProxyConf& conf);
const model::Pool* choose_pool(proxy::Transaction& txn, const proxy::Forward& plan);
// Whether the transaction's server is spoken to over TLS.
bool serves_over_tls(const proxy::Transaction& txn);

}  // namespace weir::nginx
