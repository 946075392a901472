#pragma once
// Health checks in HAProxy's words: what sections and server lines say about them, and how that becomes programs of the core
// (health/check.h). Filled while binding, made into programs when names are resolved.
#include <span>

#include "base/arena.h"
#include "config/tree.h"
#include "health/check.h"

namespace weir::config {
struct Row;
}

namespace weir::haproxy {

struct Scope;
struct Proxy;
struct Global;
struct LogFormat;
struct ServerOptions;

enum class CheckType : uint8_t { none, tcp, http, protocol, outside };

struct HttpCheckHeader {
  Str name;
  const LogFormat* value = nullptr;
};
// What `option httpchk` or `http-check send` sends; null data: not said.
struct HttpCheckRequest {
  Str method, uri, version, body;
  const LogFormat* uri_format = nullptr;
  const LogFormat* body_format = nullptr;
  ArenaList<HttpCheckHeader> headers;
  bool send_state = false;
};

// One line of `http-check` or `tcp-check`.
struct CheckRule {
  health::Step step;
  bool is_comment = false;
  bool inverse = false;  // an expect with "!"
  HttpCheckRequest* request = nullptr;  // of `http-check send`
  config::Where where;
};

// What a section says about checks.
struct CheckRules {
  CheckType type = CheckType::none;
  ArenaList<CheckRule*> tcp, http;
  HttpCheckRequest* option = nullptr;  // `option httpchk`
  const health::Program* protocol = nullptr;  // of a protocol's check
  bool own_http = false;  // the section has words of its own: those of its defaults do not count
  bool own_tcp = false;
  bool disable_on_404 = false;
  bool send_state = false;
  bool log = false;  // option log-health-checks
  Str command;  // external-check
  Str path;
  bool keeps_environment = false;
};

// A `healthcheck` section.
struct HealthcheckSection {
  Str name;
  CheckRules rules;
  config::Where where;
  const health::Program* program = nullptr;
};

// Of server lines.
struct CheckOptions {
  bool on = false;
  bool agent_on = false;
  bool tls = false;
  bool no_tls = false;
  bool send_proxy = false;
  bool via_socks4 = false;
  uint32_t inter = 2000, fast_inter = 0, down_inter = 0, agent_inter = 0;
  uint32_t rise = 2, fall = 3;
  uint16_t port = 0, agent_port = 0;
  config::Word addr, agent_addr;
  Str sni, alpn, agent_send;
  bool auto_sni = true;
  config::Word section;  // healthcheck
  config::Word track;
  health::Observe observe = health::Observe::nothing;
  health::OnError on_error = health::OnError::fail_check;
  uint32_t error_limit = 10;
  Str begin;  // init-state

  // The agent stands where checks go to unless it has a place of its own; 0: nowhere.
  uint16_t port_of_agent() const { return agent_port ? agent_port : port; }
};

// The options of server lines about checks: true when `name` was one of them.
bool take_check_option(Scope& scope, CheckOptions& options, Str name, std::span<const config::Word> args);
// The checks of one server of a backend.
void make_server_checks(Scope& scope, Proxy& proxy, model::Server& server);
// A server that tracks another one finds it.
void resolve_track(Scope& scope, const Proxy& proxy, model::Server& server);
// Programs and checks of the backend's servers; after its pool was made.
void make_checks(Scope& scope, Proxy& proxy);
// After the global section: whether a program may check servers.
void settle_external_check(Scope& scope, Proxy& proxy);
// Servers that track others find them; after all pools were made.
void resolve_tracks(Scope& scope, Proxy& proxy);
// Another section starts from these.
void inherit_checks(CheckRules& rules);

// The program of a section's rules; null: none are in force.
const health::Program* make_program(Scope& scope, CheckRules& rules);
// A program that a protocol's check fills.
health::Program* new_program(Scope& scope);
health::Step connect_step(Scope& scope, int number, bool usual = true);

// Expects (haproxy/check_expect.cc).
bool read_expect(Scope& scope, std::span<const config::Word> args, bool http, CheckRule& rule, const config::Row& row);
// `http-check send` and the request itself (haproxy/check_http.cc).
health::Step http_send_step(HttpCheckRequest* request);
bool read_http_send(Scope& scope, std::span<const config::Word> args, HttpCheckRequest& request, Str& comment);
CheckRule* default_http_expect(Scope& scope);
// The program of an agent's check (haproxy/agent_check.cc).
const health::Program* agent_program(Scope& scope, const CheckOptions& options, const config::Where& where);
// Bytes of hexadecimal digits; false: it is something else.
bool from_hex(Str text, std::string& out);

// What ALPN offers, as in the handshake.
Str check_alpn(Scope& scope, const config::Word& word);
// The rules that a line belongs to: of the proxy, or of the healthcheck section. And of which kind the section is by now.
CheckRules& rules_of(Scope& scope);
void own_http_rules(CheckRules& rules);
void own_tcp_rules(CheckRules& rules);

// Where results are told.
const health::Reporter& check_reporter();

}  // namespace weir::haproxy
