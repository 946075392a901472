// access_log, log_format, open_log_file_cache (ngx_http_log_module): a line for each request when it is over.
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "nginx/error_log.h"
#include "nginx/log_buffer.h"
#include "nginx/log_cache.h"
#include "nginx/log_format.h"
#include "nginx/modules.h"
#include "nginx/paths.h"
#include "nginx/syslog.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Transaction;

struct AccessLog {
  const LogFormat* format = nullptr;
  LogFile* file = nullptr;          // one of these three
  const Script* path = nullptr;
  const Syslog* syslog = nullptr;
  const Script* condition = nullptr;
  const LogCache* cache = nullptr;  // for `path`
};

struct LogConf {
  ArenaList<AccessLog*> logs;
  bool off = false;
  Setting<const LogCache*> cache;
};

struct Formats {
  std::vector<const LogFormat*> all;
};

// ---------------------------------------------------------------- configuration

Formats& formats(Scope& scope) {
  Formats& f = scope.main<Formats>(kLogModule);
  if (f.all.empty()) f.all.push_back(combined_log_format(scope));
  return f;
}

const LogFormat* find_format(Scope& scope, Str name) {
  for (const LogFormat* f : formats(scope).all)
    if (iequals(f->name, name)) return f;
  return nullptr;
}

void bind_log_format(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  Str name = d.arg(0).text;
  if (find_format(scope, name)) {
    scope.error(d.arg(0).where, fmt::format("duplicate \"log_format\" name \"{}\"", name), "choose another name");
    return;
  }
  if (const LogFormat* f = compile_log_format(scope, d, 1, name)) formats(scope).all.push_back(f);
}

LogFile* open_file(Scope& scope, Str name, config::Where where) {
  int error = 0;
  std::string path = full_path(scope, name);
  LogFile* file = open_log(path, logs_stay_closed(scope.options), error);
  if (!error) return file;
  std::string text = fmt::format("open() \"{}\" failed ({}: {})", path, error, strerror(error));
  scope.error(where, text, "make its folder, or name another file").product = text;
  return nullptr;
}

struct Options {
  uint64_t buffer = 0;
  uint64_t flush = 0;
  int gzip = 0;
};

// One word behind the format. False: it was not understood, and reported.
bool read_option(Scope& scope, const config::Word& w, Options& o, AccessLog& log) {
  auto complain = [&](std::string text) {
    scope.error(w.where, std::move(text), "buffer=size, flush=time, gzip[=level] or if=condition");
    return false;
  };
  Str text = w.text;
  if (text.starts_with("buffer=")) {
    if (parse_size(text.substr(7), o.buffer) && o.buffer) return true;
    return complain(fmt::format("invalid buffer size \"{}\"", text.substr(7)));
  }
  if (text.starts_with("flush=")) {
    if (parse_ms(text.substr(6), o.flush) && o.flush) return true;
    return complain(fmt::format("invalid flush time \"{}\"", text.substr(6)));
  }
  if (text == "gzip" || text.starts_with("gzip=")) {
    auto level = text == "gzip" ? 1 : parse_u64(text.substr(5));
    if (!level || *level < 1 || *level > 9)
      return complain(fmt::format("invalid compression level \"{}\"", text.substr(5)));
    o.gzip = static_cast<int>(*level);
    if (!o.buffer) o.buffer = 64 * 1024;
    return true;
  }
  if (text.starts_with("if=")) {
    log.condition = compile_script(scope.arena, scope.http->variables, text.substr(3), w.where, scope.diag);
    return true;
  }
  return complain(fmt::format("invalid parameter \"{}\"", text));
}

void apply_buffer(Scope& scope, const Directive& d, const Options& o, AccessLog& log) {
  auto complain = [&](std::string text) { scope.error(d.where, std::move(text)); };
  Str name = d.arg(0).text;
  if (o.flush && !o.buffer) return complain(fmt::format("no buffer is defined for access_log \"{}\"", name));
  if (!o.buffer) return;
  if (log.path) return complain("buffered logs cannot have variables in name");
  if (log.syslog) return complain("logs to syslog cannot be buffered");
  LogFile& f = *log.file;
  if (f.buffer && (f.buffer != o.buffer || f.flush_ms != o.flush || f.gzip != o.gzip))
    return complain(fmt::format("access_log \"{}\" already defined with conflicting parameters", name));
  f.buffer = o.buffer;
  f.flush_ms = static_cast<uint32_t>(o.flush);
  f.gzip = o.gzip;
}

bool read_destination(Scope& scope, const config::Word& w, AccessLog& log) {
  if (w.text.starts_with("syslog:")) return (log.syslog = parse_syslog(scope, w.text.substr(7), w.where)) != nullptr;
  if (w.text.find('$') == Str::npos) return (log.file = open_file(scope, w.text, w.where)) != nullptr;
  log.path = compile_script(scope.arena, scope.http->variables, full_path(scope, w.text), w.where, scope.diag);
  return true;
}

void bind_access_log(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<LogConf*>(scope.conf);
  if (d.arg(0).text == "off") {
    conf.off = true;
    if (d.args() > 1)
      scope.error(d.arg(1).where, fmt::format("invalid parameter \"{}\"", d.arg(1).text), "off stands alone");
    return;
  }
  auto* log = scope.arena.make<AccessLog>();
  if (!read_destination(scope, d.arg(0), *log)) return;
  Str name = d.args() > 1 ? d.arg(1).text : Str{"combined"};
  log->format = find_format(scope, name);
  if (!log->format) {
    scope
        .error(d.arg(1).where, fmt::format("unknown log format \"{}\"", name),
               "define it with log_format before this line")
        .product = fmt::format("unknown log format \"{}\"", name);
    return;
  }
  Options options;
  for (size_t i = 2; i < d.args(); i++)
    if (!read_option(scope, d.arg(i), options, *log)) return;
  apply_buffer(scope, d, options, *log);
  conf.logs.push(scope.arena, log);
}

void bind_log_cache(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<LogConf*>(scope.conf);
  if (d.arg(0).text == "off") {
    conf.cache = nullptr;
    return;
  }
  auto* cache = scope.arena.make<LogCache>();
  for (size_t i = 0; i < d.args(); i++) {
    Str w = d.arg(i).text;
    uint64_t ms = 0;
    auto n = parse_u64(w.substr(w.find('=') + 1));
    if (w.starts_with("max=") && n && *n)
      cache->max = static_cast<uint32_t>(*n);
    else if (w.starts_with("min_uses=") && n && *n)
      cache->min_uses = static_cast<uint32_t>(*n);
    else if (w.starts_with("inactive=") && parse_ms(w.substr(9), ms))
      cache->inactive_ms = ms;
    else if (w.starts_with("valid=") && parse_ms(w.substr(6), ms))
      cache->valid_ms = ms;
    else
      return bad_value(scope, d, i, "max=N, inactive=time, min_uses=N, valid=time or off");
  }
  if (!cache->max) {
    scope.error(d.where, "\"open_log_file_cache\" must have \"max\" parameter", "add max=N");
    return;
  }
  conf.cache = cache;
}

// Without the folder of nginx's own place for the log there is none.
void add_default(Scope& scope, LogConf& conf) {
  std::string folder = full_path(scope, scope.options.access_log);
  folder.resize(folder.rfind('/') + 1);
  if (scope.options.face != config::Dialect::nginx || ::access(folder.c_str(), W_OK) != 0) return;
  auto* log = scope.arena.make<AccessLog>();
  log->format = find_format(scope, "combined");
  log->file = open_file(scope, scope.options.access_log, {});
  if (log->file) conf.logs.push(scope.arena, log);
}

void merge_log(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<LogConf*>(child);
  const auto& p = *static_cast<const LogConf*>(parent);
  merge_setting<decltype(c.cache)>(&c.cache, &p.cache);
  if (c.logs.size || c.off) return;
  c.logs = p.logs;
  c.off = p.off;
  if (c.logs.empty() && !c.off) add_default(scope, c);
}

// ---------------------------------------------------------------- writing

// A path with variables is not trusted to make files where the request's root does not even exist.
bool root_exists(Transaction& txn) {
  FilePath file;
  if (!map_path(txn, of(txn).uri, file)) return false;
  std::string root(file.path.substr(0, file.root));
  struct stat st;
  int error = ::stat(root.c_str(), &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
  if (!error) return true;
  log_error(&txn, LogLevel::error, error, fmt::format("testing \"{}\" existence failed", root));
  return false;
}

void write_to_path(Transaction& txn, const AccessLog& log, Str line) {
  if (!root_exists(txn)) return;
  std::string path(log.path->eval(txn));
  if (path.find('\0') != std::string::npos) return;
  OpenLog open = open_cached_log(log.cache, path, txn.shard.loop.now());
  if (open.fd < 0) return log_error(&txn, LogLevel::crit, errno, fmt::format("open() \"{}\" failed", path));
  [[maybe_unused]] ssize_t n = fault::write(fault::Site::log_write, open.fd, line.data(), line.size());
  if (open.close_after) ::close(open.fd);
}

void write_access(Transaction& txn, const void* conf) {
  const auto& log = *static_cast<const AccessLog*>(conf);
  if (log.condition) {
    Str value = log.condition->eval(txn);
    if (value.empty() || value == "0") return;
  }
  static thread_local std::string line;
  line.clear();
  log.format->render(txn, line);
  if (log.syslog) return send_syslog(*log.syslog, -1, line);
  line += '\n';
  if (log.file)
    append_log(*log.file, line);
  else
    write_to_path(txn, log, line);
}

void compile_log(Scope& scope, Location& l, void* conf) {
  auto& c = *static_cast<LogConf*>(conf);
  if (c.off) return;
  for (AccessLog* log : c.logs) {
    if (log->path && c.cache.set && log->cache != c.cache.value) {
      auto* copy = scope.arena.make<AccessLog>(*log);
      copy->cache = c.cache.value;
      log = copy;
    }
    l.loggers.push_back({write_access, log});
  }
}

const Row kTable[] = {
    {"log_format", kHttp, 2, -1, Block::none, Inherit::none, bind_log_format,
     "name [escape=default|json|none] string ...", "names a format of log lines"},
    {"access_log",
     kHttpEverywhere | kLimitExcept,
     1,
     -1,
     Block::none,
     Inherit::array,
     bind_access_log,
     "path [format [buffer=size] [gzip[=level]] [flush=time] [if=condition]] | off",
     "where requests are logged, and in which format",
     {},
     0,
     nullptr,
     "logs/access.log combined"},
    {"open_log_file_cache",
     kHttpServerLocation,
     1,
     4,
     Block::none,
     Inherit::scalar,
     bind_log_cache,
     "max=N [inactive=time] [min_uses=N] [valid=time] | off",
     "keeps log files open whose names contain variables",
     {},
     0,
     nullptr,
     "off"},
};

}  // namespace

const Module kLogModule{"log", sizeof(LogConf), module_create<LogConf>, kTable, merge_log, compile_log};

}  // namespace weir::nginx
