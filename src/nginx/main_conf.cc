// The words of the main and events contexts: how the process runs.
#include <errno.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "nginx/core.h"

namespace weir::nginx {
namespace {

model::Process& process(void* s) {
  return static_cast<Scope*>(s)->model.process;
}

void bind_events(void* s, const Directive& d, const Row&) {
  static_cast<Scope*>(s)->bind_block(d, kEvents);
}

bool flag(void* s, const Directive& d, bool& out) {
  if (d.arg(0).text == "on" || d.arg(0).text == "off") {
    out = d.arg(0).text == "on";
    return true;
  }
  bad_value(*static_cast<Scope*>(s), d, 0, "on or off");
  return false;
}

void bind_daemon(void* s, const Directive& d, const Row&) {
  flag(s, d, process(s).daemon);
}

void bind_multi_accept(void* s, const Directive& d, const Row&) {
  constexpr uint32_t kAtOnce = 64;
  bool on = false;
  flag(s, d, on);
  process(s).accepts = on ? kAtOnce : 1;
}

void bind_master_process(void* s, const Directive& d, const Row&) {
  flag(s, d, process(s).master);
}

int cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return CPU_COUNT(&set);
}

void bind_workers(void* s, const Directive& d, const Row&) {
  if (d.arg(0).text == "auto") {
    process(s).shards = cpus();
    return;
  }
  auto n = parse_u64(d.arg(0).text);
  if (!n || *n == 0 || *n > 512) return bad_value(*static_cast<Scope*>(s), d, 0, "a number of workers or auto");
  process(s).shards = static_cast<int>(*n);
}

// weir.conf's own word. nginx has none of that name, and its face refuses it as nginx does.
void bind_weir_workers(void* s, const Directive& d, const Row& row) {
  auto& scope = *static_cast<Scope*>(s);
  if (scope.options.face != config::Dialect::nginx) return bind_workers(s, d, row);
  scope.error(d.where, "unknown directive \"workers\"", "nginx's word is worker_processes").product =
      "unknown directive \"workers\"";
}

void unknown_name(Scope& scope, const config::Word& word, Str call) {
  std::string text = fmt::format("{}(\"{}\") failed", call, word.text);
  if (scope.options.offline)
    scope.diag.note(word.where, text);
  else
    scope.error(word.where, text, "name one that this system has").product = text;
}

// nginx's face looks the names up at once, and not at all where they would be of no use.
void bind_user(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  const config::Word& group = d.arg(d.args() > 1 ? 1 : 0);
  process(s).user = std::string(d.arg(0).text);
  process(s).group = std::string(group.text);
  if (scope.options.face != config::Dialect::nginx) return;
  if (geteuid() != 0 && !scope.options.offline) {
    scope.diag.warning(d.where, "the \"user\" directive has no effect: only root may change its user", "leave it out")
        .product =
        "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored";
    return;
  }
  if (!getpwnam(process(s).user.c_str()))
    unknown_name(scope, d.arg(0), "getpwnam");
  else if (!getgrnam(process(s).group.c_str()))
    unknown_name(scope, group, "getgrnam");
}

// Distributions load modules that are built into weir. One that is not there is nginx's error too.
void bind_load_module(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  scope.diag.note(d.where, "\"load_module\" has no effect in weir: its modules are built in");
  if (scope.options.offline || scope.options.face != config::Dialect::nginx) return;
  std::string path = full_path(scope, d.arg(0).text);
  if (access(path.c_str(), R_OK) == 0) return;
  int error = errno;
  scope.error(d.arg(0).where, fmt::format("cannot read the module {}: {}", path, strerror(error)), "leave it out")
      .product =
      fmt::format("dlopen() \"{}\" failed ({}: cannot open shared object file: {})", path, path, strerror(error));
}

void bind_pid(void* s, const Directive& d, const Row&) {
  process(s).pid_file = d.arg(0).text == "off" ? "" : full_path(*static_cast<Scope*>(s), d.arg(0).text);
}

void bind_rlimit(void* s, const Directive& d, const Row&) {
  auto n = parse_u64(d.arg(0).text);
  if (!n) return bad_value(*static_cast<Scope*>(s), d, 0, "a number");
  process(s).rlimit_nofile = *n;
}

void bind_connections(void* s, const Directive& d, const Row&) {
  auto n = parse_u64(d.arg(0).text);
  if (!n || *n == 0)
    return bad_value(*static_cast<Scope*>(s), d, 0, "a number from 1 on: with none, nobody could connect");
  process(s).max_conns = *n;
}

void bind_shutdown_timeout(void* s, const Directive& d, const Row&) {
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms)) return bad_value(*static_cast<Scope*>(s), d, 0, "a time");
  process(s).shutdown_timeout = static_cast<uint32_t>(ms);
}

void bind_env(void* s, const Directive& d, const Row&) {
  Str text = d.arg(0).text;
  size_t eq = text.find('=');
  if (eq == Str::npos) return;  // weir hands its whole environment on
  (void)s;
  setenv(std::string(text.substr(0, eq)).c_str(), std::string(text.substr(eq + 1)).c_str(), 1);
}

constexpr Str kLoop = "weir's loop chooses this itself";

const Row kTable[] = {
    {"events", kMain, 0, 0, Block::required, Inherit::none, bind_events, "{ ... }", "how connections are processed"},
    {"daemon", kMain, 1, 1, Block::none, Inherit::none, bind_daemon, "on | off", "whether to go into the background"},
    {"master_process", kMain, 1, 1, Block::none, Inherit::none, bind_master_process, "on | off",
     "whether a master supervises the worker"},
    {"worker_processes", kMain, 1, 1, Block::none, Inherit::none, bind_workers, "number | auto",
     "how many shards (threads) serve"},
    {"workers", kMain, 1, 1, Block::none, Inherit::none, bind_weir_workers, "number | auto",
     "in weir.conf: how many shards (threads) serve"},
    {"user", kMain, 1, 2, Block::none, Inherit::none, bind_user, "user [group]", "as whom the worker runs"},
    {"pid", kMain, 1, 1, Block::none, Inherit::none, bind_pid, "file", "where the master's process id is written"},
    {"worker_rlimit_nofile", kMain, 1, 1, Block::none, Inherit::none, bind_rlimit, "number",
     "most open descriptors, per shard as nginx counts per worker"},
    {"worker_connections", kEvents, 1, 1, Block::none, Inherit::none, bind_connections, "number",
     "most connections, per shard"},
    {"worker_shutdown_timeout", kMain, 1, 1, Block::none, Inherit::none, bind_shutdown_timeout, "time",
     "how long a draining worker may take"},
    {"env", kMain, 1, 1, Block::none, Inherit::none, bind_env, "variable[=value]", "sets an environment variable"},
    {"use", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "method", "event method", kLoop},
    {"multi_accept", kEvents, 1, 1, Block::none, Inherit::none, bind_multi_accept, "on | off",
     "take all new connections at once (64 at most) or one at a time"},
    {"accept_mutex", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "on | off", "workers accept in turn",
     "the kernel wakes one shard per connection"},
    {"accept_mutex_delay", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "time", "pause of the accept mutex",
     "there is no accept mutex"},
    {"worker_aio_requests", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number", "outstanding AIO operations",
     kLoop},
    {"debug_connection", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "address", "debug log for a client",
     "there is no debug log"},
    {"timer_resolution", kMain, 1, 1, Block::none, Inherit::none, nullptr, "interval", "how often the clock is read",
     "the clock is read once per wake-up"},
    {"pcre_jit", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off", "compile regular expressions",
     "patterns are always compiled"},
    {"load_module", kMain, 1, 1, Block::none, Inherit::none, bind_load_module, "file",
     "checks that the module is there; weir's own are built in"},
    {"lock_file", kMain, 1, 1, Block::none, Inherit::none, nullptr, "file", "prefix of lock files",
     "no lock files are used"},
    {"debug_points", kMain, 1, 1, Block::none, Inherit::none, nullptr, "abort | stop", "for debugging",
     "there are none"},
};

}  // namespace

const Module kMainModule{"main", 0, nullptr, kTable};

}  // namespace weir::nginx
