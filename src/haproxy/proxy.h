#pragma once
// What is known about a `frontend`, `backend`, `listen` or `defaults` section. Filled while binding, completed when names
// are resolved, then only read. Lives in the model's arena.
#include <atomic>
#include <string>
#include <vector>

#include "expr/value.h"
#include "haproxy/acl.h"
#include "haproxy/answer.h"
#include "haproxy/balance.h"
#include "haproxy/checks.h"
#include "haproxy/log_format.h"
#include "haproxy/logging.h"
#include "haproxy/persistence.h"
#include "haproxy/server_options.h"
#include "http/h1_parser.h"
#include "model/model.h"
#include "proxy/forward.h"
#include "proxy/step.h"
#include "stats/proxy_counters.h"
#include "stats/publication.h"
#include "stats/standing.h"

namespace weir::haproxy {

struct Proxy;
struct StatsConf;
struct ForwardedOption;
struct SourceConf;

enum class Mode : uint8_t { tcp, http, log, spop };
enum class Kind : uint8_t { defaults, frontend, backend, listen };
Str kind_name(Kind kind);

// `option X` words that are one bit.
enum Option : uint64_t {
  kOptAbortOnClose = 1ull << 0,
  kOptAllBackups = 1ull << 1,
  kOptDontLogNull = 1ull << 2,
  kOptDontLogNormal = 1ull << 3,
  kOptBufferRequest = 1ull << 4,
  kOptServerClose = 1ull << 5,
  kOptHttpClose = 1ull << 6,
  kOptUnsafeRequest = 1ull << 7,
  kOptUnsafeResponse = 1ull << 8,
  kOptSeparateErrors = 1ull << 9,
  kOptIgnoreProbes = 1ull << 10,
  kOptDropRequestTrailers = 1ull << 11,
  kOptDropResponseTrailers = 1ull << 12,
  kOptNoAbortOnClose = 1ull << 13,
  kOptPersist = 1ull << 14,
  kOptLogAsap = 1ull << 40,
};

// Milliseconds; kForever: never set, no limit.
inline constexpr uint32_t kForever = UINT32_MAX;
struct Timeouts {
  uint32_t client = kForever;
  uint32_t server = kForever;
  uint32_t connect = kForever;
  uint32_t http_request = kForever;
  uint32_t http_keep_alive = kForever;
  uint32_t queue = kForever;
  uint32_t tunnel = kForever;
  uint32_t client_fin = kForever;
  uint32_t server_fin = kForever;
  uint32_t tarpit = kForever;
  uint32_t check = kForever;
};

// `option forwardfor` and `option originalto`.
struct AddressHeader {
  bool on = false;
  bool if_none = false;
  Str header;
  const expr::PatternList* except = nullptr;
};

enum class LogStyle : uint8_t { none, tcp, tcp_clf, http, http_clf, https };

enum RetryOn : uint16_t {
  kRetryConnFailure = 1 << 0,
  kRetryEmptyResponse = 1 << 1,
  kRetryJunkResponse = 1 << 2,
  kRetryResponseTimeout = 1 << 3,
  kRetry0Rtt = 1 << 4,
  kRetryStatus = 1 << 5,  // Settings::retry_status
};

enum class NamePolicy : uint8_t { unset, preserve, remove, reject };

// How a response may be compressed. `identity` only cuts it into chunks.
enum class Coding : uint8_t { undecided, none, identity, gzip, deflate };

// load-server-state-from-file
enum class StateSource : uint8_t { none, global, local };

// What a section starts with from its `defaults`.
struct Settings {
  Mode mode = Mode::tcp;
  bool disabled = false;
  uint64_t options = 0;
  Timeouts timeouts;
  AddressHeader forwardfor;
  AddressHeader originalto;
  const ForwardedOption* forwarded = nullptr;

  Str default_backend;
  config::Where default_backend_where;
  model::Reuse reuse = model::Reuse::safe;
  Balance balance;
  HashRules hash;
  uint32_t retries = 3;
  uint16_t retry_on = kRetryConnFailure;
  ArenaList<uint16_t> retry_status;
  bool redispatch = false;
  int redispatch_after = -1;
  CookieSettings cookie;
  const expr::Expr* rdp_cookie = nullptr;  // persist rdp-cookie; null: none
  const SourceConf* source = nullptr;  // of servers that say nothing

  StateSource states = StateSource::none;
  Str state_file;  // of `local` states; empty: named like the backend

  CheckRules checks;

  // keep-alive probes; the other fields are nothing that a proxy says
  net::SocketOptions client_socket;
  net::SocketOptions server_socket;

  uint32_t maxconn = 0;
  uint32_t fullconn = 0;  // 0: a tenth of what its frontends may have
  uint32_t max_rate = 0;  // rate-limit sessions; 0: none
  uint32_t backlog = 0;
  ArenaList<Page*> errors;
  Str monitor_uri;
  StatsConf* stats = nullptr;  // the statistics page; null: none
  uint32_t inspect_delay = 0;
  NamePolicy request_names = NamePolicy::unset;

  ArenaList<LogTarget*> logs;
  bool log_global = false;
  LogStyle log_style = LogStyle::none;
  config::Where log_style_where;
  config::Word log_format;  // empty text: by style
  config::Word log_format_sd;
  config::Word error_log_format;
  uint32_t log_steps = 0;  // log_step_bit; 0: once, when all values are there
  Str log_tag;
  config::Word unique_id_format;
  Str unique_id_header;

  ArenaList<Coding> compress_codings;
  bool compress_offload = false;
  ArenaList<Str> compress_types;
  uint32_t compress_min = 0;

  bool has(Option o) const { return options & o; }
};

enum class Ruleset : uint8_t { connection, session, content, response_content, request, response, after, count_ };
inline constexpr size_t kRulesets = static_cast<size_t>(Ruleset::count_);

// `use_backend`: the name, fixed or made for each request.
struct Target {
  Str name;
  const LogFormat* format = nullptr;  // of a dynamic name
  const Proxy* backend = nullptr;
  const model::Pool* pool = nullptr;  // an nginx upstream
  const proxy::Forward* plan = nullptr;
  config::Where where;
};
struct Switch {
  const Condition* condition;
  Target target;
};

struct UseServer {
  const Condition* condition;
  Str name;
  const LogFormat* format;
  const model::Server* server;
  config::Where where;
};

struct Capture {
  Str header;  // empty: declared, filled by rules
  uint32_t length = 0;
};

using stats::ProxyCounters;

struct DefaultServer {
  Str name;  // empty: of the lines without one
  ServerOptions options;
  bool said = false;  // lines of this proxy's own say something
};

struct Proxy {
  Str name;
  Kind kind = Kind::frontend;
  uint32_t id = 0;
  config::Where where;
  Settings s;
  const Proxy* from = nullptr;  // its defaults
  Kind heirs = Kind::defaults;  // of defaults with rules: frontends or backends, once one took them
  Acls acls;
  Str description;

  std::vector<model::Listener*> listeners;
  std::vector<model::Server*> servers;  // of the file
  DefaultServer default_server;
  ArenaList<DefaultServer*> default_servers;  // that have names
  std::vector<Switch> switches;
  Target fallback;  // default_backend
  std::vector<const Condition*> force_switches;  // force-be-switch
  bool unpublished = false;  // be-unpublished
  stats::Publication* publication = nullptr;  // of a backend
  stats::FrontStanding* standing = nullptr;  // of a frontend
  std::vector<UseServer> use_servers;
  std::vector<PersistRule> persist_rules;
  CookieCapture cookie_capture;
  sticky::StickTable* table = nullptr;
  std::vector<StickRule> sticks;
  bool persists = false;  // responses are looked at for the sake of persistence and of captured cookies
  bool tracks = false;  // rules about connections count in stick tables
  ArenaList<proxy::Step> rules[kRulesets];
  ArenaList<proxy::Step> redirects;  // `redirect` lines: after http-request rules
  const Condition* monitor_fail = nullptr;
  std::vector<Capture> request_captures;
  std::vector<Capture> response_captures;

  // Made by resolve.
  model::Pool* pool = nullptr;
  bool closed = false;  // a planned word stands in it: the segments below only answer 501
  proxy::Segment segments[kRulesets];
  proxy::Segment redirect_segment;
  proxy::Segment front;  // a request enters here
  proxy::Segment back;  // a request that chose this backend goes on here
  proxy::Segment own;  // a `listen` section's own request: its rules ran already
  proxy::Segment entry;  // a request from elsewhere than a HAProxy frontend
  const health::Program* check_program = nullptr;  // once a server of it is checked so
  proxy::Forward plan;
  model::ClientTimeouts client_timeouts;
  http::H1Limits limits;
  std::vector<LogTarget*> targets;  // where traffic is logged
  const LogFormat* log_format = nullptr;
  const LogFormat* log_format_sd = nullptr;
  const LogFormat* unique_id = nullptr;
  const LogFormat* error_log_format = nullptr;
  LogStep log_at = LogStep::close;  // without log-steps
  uint8_t milestones = 0;  // proxy::Milestone that logs wait for
  ProxyCounters* front_counters = nullptr;
  model::FrontLimits* front_limits = nullptr;
  ProxyCounters* back_counters = nullptr;

  bool is_front() const { return kind == Kind::frontend || kind == Kind::listen; }
  bool is_back() const { return kind == Kind::backend || kind == Kind::listen; }
  bool http() const { return s.mode == Mode::http; }
  const proxy::Segment& segment(Ruleset r) const { return segments[static_cast<size_t>(r)]; }
  bool has_rules(Ruleset r) const { return rules[static_cast<size_t>(r)].size != 0; }
  ArenaList<proxy::Step>& rule_list(Ruleset r) { return rules[static_cast<size_t>(r)]; }
};

// The configured page for that status of this proxy, or null.
const Page* find_page(const Proxy& proxy, uint16_t status);

}  // namespace weir::haproxy
