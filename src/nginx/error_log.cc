// error_log (ngx_log.c, ngx_http_core_module); see nginx/error_log.h.
#include "nginx/error_log.h"

#include <fmt/format.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "net/conn.h"
#include "nginx/connection_number.h"
#include "nginx/listen.h"
#include "nginx/log_file.h"
#include "nginx/modules.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/syslog.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Transaction;

constexpr Str kNames[] = {"", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"};
constexpr size_t kLongest = 2048;  // bytes of a line, as in nginx

struct Target {
  const LogFile* file = nullptr;  // else syslog
  const Syslog* syslog = nullptr;
  LogLevel level = LogLevel::error;
};

struct ErrorLogConf {
  ArenaList<Target> targets;
};

// The main level's, which is also what logs without a request. Set after loading, before traffic.
const ErrorLogConf* g_process = nullptr;
const ErrorLogConf* g_loaded = nullptr;  // that of the configuration that is being read
bool g_named = false;

// ---------------------------------------------------------------- configuration

bool open_target(Scope& scope, Str name, config::Where where, Target& out) {
  if (name.starts_with("syslog:")) return (out.syslog = parse_syslog(scope, name.substr(7), where)) != nullptr;
  if (name == "stderr") {
    out.file = stderr_log();
    return true;
  }
  int error = 0;
  std::string path = full_path(scope, name);
  out.file = open_log(path, logs_stay_closed(scope.options), error);
  if (!error) return true;
  std::string text = fmt::format("open() \"{}\" failed ({}: {})", path, error, strerror(error));
  scope.error(where, text, "make its folder, or name another file").product = text;
  return false;
}

void bind_error_log(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = scope.level ? *static_cast<ErrorLogConf*>(scope.conf) : scope.main<ErrorLogConf>(kErrorLogModule);
  Str name = d.arg(0).text;
  Target t;
  if (name.starts_with("memory:")) {
    scope.diag.note(d.where, "\"error_log memory:\" has no effect in weir: there is no debug log to keep");
    return;
  }
  for (size_t i = 1; i < d.args(); i++) {
    Str level = d.arg(i).text;
    // debug_http, debug_event … narrow the debug log down, which weir does not write.
    if (!parse_log_level(level.starts_with("debug_") ? Str{"debug"} : level, t.level)) {
      scope.error(d.arg(i).where, fmt::format("invalid log level \"{}\"", level),
                  "debug, info, notice, warn, error, crit, alert or emerg");
      return;
    }
  }
  if (open_target(scope, name, d.arg(0).where, t)) conf.targets.push(scope.arena, t);
}

void merge_error_log(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<ErrorLogConf*>(child);
  if (c.targets.empty()) c = *static_cast<const ErrorLogConf*>(parent);
  if (c.targets.empty()) c = scope.main<ErrorLogConf>(kErrorLogModule);
}

void finish_error_log(Scope& scope) {
  auto& main = scope.main<ErrorLogConf>(kErrorLogModule);
  g_named = !main.targets.empty();
  if (!g_named) {
    Target t;
    Str name = scope.options.error_log.empty() ? Str{"stderr"} : Str(scope.options.error_log);
    if (open_target(scope, name, {}, t)) main.targets.push(scope.arena, t);
  }
  if (scope.options.check_only) return;
  // Outlives the model: the last words of a process come after it.
  static Arena kept;
  auto* copy = kept.make<ErrorLogConf>();
  for (Target t : main.targets) {
    if (t.syslog) t.syslog = copy_syslog(kept, *t.syslog);
    copy->targets.push(kept, t);
  }
  g_loaded = copy;
}

// ---------------------------------------------------------------- writing

const ErrorLogConf* conf_for(const Transaction* txn) {
  if (!txn || !txn->extra) return g_process;
  const Location* l = of(*txn).location;
  return l ? &l->of<ErrorLogConf>(kErrorLogModule) : g_process;
}

Str stamp() {
  thread_local time_t made = 0;
  thread_local char text[32];
  time_t now = time(nullptr);
  if (now != made) {
    tm t;
    localtime_r(&now, &t);
    strftime(text, sizeof text, "%Y/%m/%d %H:%M:%S", &t);
    made = now;
  }
  return text;
}

Str request_line(const http::Message& m) {
  return m.raw_head.substr(0, m.raw_head.find_first_of("\r\n"));
}

using Line = fmt::memory_buffer;

template <class... Args>
void add(Line& line, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(line), format, std::forward<Args>(args)...);
}

void add_upstream(Line& line, const Transaction& txn) {
  if (!txn.server && txn.pool && txn.error.fault == Fault::no_server)
    add(line, ", upstream: \"{}{}{}\"", serves_over_tls(txn) ? "https://" : "http://", txn.pool->name,
        of(txn).unparsed_uri);
  if (!txn.server) return;
  const net::Addr& a = txn.server->address();
  add(line, ", upstream: \"{}{}{}{}\"", serves_over_tls(txn) ? "https://" : "http://", a.text(),
      a.family == AF_UNIX ? ":" : "", of(txn).unparsed_uri);
}

void add_request(Line& line, Transaction& txn) {
  const Request& r = of(txn);
  if (txn.client && txn.client->conn()) add(line, ", client: {}", txn.client->conn()->peer().ip_text(txn.arena));
  add(line, ", server: {}", own_name(*r.server));
  const Transaction* main = &txn;
  while (main->parent) main = main->parent;
  if (Str first = request_line(main->request); !first.empty()) add(line, ", request: \"{}\"", first);
  if (txn.parent) add(line, ", subrequest: \"{}\"", r.uri);
  add_upstream(line, txn);
  if (Str host = main->request.headers.value(http::Name::host); !host.empty()) add(line, ", host: \"{}\"", host);
  if (Str from = main->request.headers.value(http::Name::referer); !from.empty()) add(line, ", referrer: \"{}\"", from);
}

void write_line(const ErrorLogConf& conf, const Transaction* txn, LogLevel level, int sys, Str text, Str action) {
  Line line;
  add(line, "{} [{}] {}#{}: ", stamp(), kNames[static_cast<int>(level)], getpid(), gettid());
  if (uint64_t number = txn ? connection_number(*txn) : 0) add(line, "*{} ", number);
  add(line, "{}", text);
  if (sys) add(line, " ({}: {})", sys, strerror(sys));
  if (!action.empty()) add(line, " while {}", action);
  if (txn && txn->extra) add_request(line, const_cast<Transaction&>(*txn));
  if (line.size() > kLongest - 1) line.resize(kLongest - 1);
  line.push_back('\n');
  Str whole{line.data(), line.size()};
  for (const Target& t : conf.targets) {
    if (t.level < level) continue;
    if (t.file)
      write_log(*t.file, whole);
    else
      send_syslog(*t.syslog, static_cast<int>(level) - 1, whole.substr(0, whole.size() - 1));
  }
}

const Row kTable[] = {
    {"error_log",
     kMain | kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::array,
     bind_error_log,
     "file [level]",
     "where errors are logged, and from which level on; may stand several times",
     {},
     0,
     nullptr,
     "logs/error.log error"},
};

}  // namespace

bool parse_log_level(Str name, LogLevel& out) {
  for (size_t i = 1; i < std::size(kNames); i++)
    if (kNames[i] == name) {
      out = static_cast<LogLevel>(i);
      return true;
    }
  return false;
}

void settle_error_log(bool good) {
  const ErrorLogConf* loaded = std::exchange(g_loaded, nullptr);
  if (good && loaded) g_process = loaded;
}

bool error_log_named() {
  return g_named;
}

bool error_logged(const Transaction* txn, LogLevel level) {
  const ErrorLogConf* conf = conf_for(txn);
  return !conf ||
         std::any_of(conf->targets.begin(), conf->targets.end(), [&](const Target& t) { return t.level >= level; });
}

void log_error(const Transaction* txn, LogLevel level, int sys, Str text, Str action) {
  if (!error_logged(txn, level)) return;
  static const ErrorLogConf& early = [] {
    static Arena arena;
    static ErrorLogConf conf;
    conf.targets.push(arena, Target{stderr_log(), nullptr, LogLevel::error});
    return std::ref(conf);
  }();
  const ErrorLogConf* conf = conf_for(txn);
  write_line(conf ? *conf : early, txn, level, sys, text, action);
}

const Module kErrorLogModule{"error_log", sizeof(ErrorLogConf), module_create<ErrorLogConf>, kTable, merge_error_log,
                             nullptr,     finish_error_log};

}  // namespace weir::nginx
