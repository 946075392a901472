// The program as `haproxy`: its options, messages and exit codes. Called once by main(). Options without a meaning here
// (pollers, splicing, memory debugging: each only changes how HAProxy itself works inside) are taken and do nothing.
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "haproxy/global.h"
#include "haproxy/log_format.h"
#include "master/start.h"
#include "tools/coverage.h"
#include "tools/faces.h"
#include "tools/haproxy_features.h"
#include "tools/statistics.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

using master::Level;
using master::Voice;

struct Options {
  std::vector<std::string> files;
  std::string change_dir, pid_file, peer, condition, old_socket, master_cli, keyword_dump;
  std::vector<pid_t> old_pids;
  int old_signal = 0;
  uint64_t max_conns = 0, max_proxy_conns = 0;
  bool check = false, check_condition = false, daemon = false, master = false, systemd = false, debug = false;
  bool foreground = false, quiet = false, verbose = false, no_warnings = false, diagnostics = false;
  bool ignore_resolution = false, no_server_verify = false, dump_keywords = false, dump_config = false;
  bool allow_planned = false;
};

[[noreturn]] void leave(int code) {
  fflush(stdout);
  fflush(stderr);
  _exit(code);
}

void show_version() {
  fmt::print("HAProxy version {} {} - https://haproxy.org/\n", kHaproxyVersion, kHaproxyDate);
  fmt::print("weir {}\n", kVersion);
  utsname system;
  if (uname(&system) == 0)
    fmt::print("Running on: {} {} {} {}\n", system.sysname, system.release, system.version, system.machine);
}

void show_build() {
  fmt::print("Build options : \n  TARGET  = linux-glibc\n  CC      = gcc {}\n\nFeature list :", __VERSION__);
  for (const Feature& f : haproxy_features()) fmt::print(" {}{}", f.built() ? '+' : '-', f.name);
  fmt::print("\nDetected feature list :\n\nBuilt with multi-threading support.\n");
  fmt::print("Built with {}\nRunning on {}\n", OPENSSL_VERSION_TEXT, OpenSSL_version(OPENSSL_VERSION));
  fmt::print(
      "Built with PCRE2, JIT included.\n\nAvailable polling systems :\n      epoll : pref=300,  test result OK\n");
  fmt::print("Total: 1 (1 usable), will use epoll.\n\n");
}

void show_plain_version(Str kind) {
  if (kind == "b") return fmt::print("{}\n", kHaproxyBranch);
  if (kind == "s") return fmt::print("{}\n", kHaproxyVersion.substr(0, kHaproxyVersion.find('-')));
  fmt::print("{}\n", kHaproxyVersion);
}

[[noreturn]] void usage(const char* name) {
  show_version();
  fflush(stdout);
  fmt::print(stderr,
             "Usage : {} [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -N <maxpconn> ]\n"
             "        [ -p <pidfile> ] [ -m <max megs> ] [ -C <dir> ] [-- <cfgfile>*]\n"
             "        -v shows the version, -vv also what this build has\n"
             "        -vq/-vqs/-vqb show the version, the short one, the branch alone\n"
             "        -f a configuration file, or a folder of *.cfg files; may be repeated\n"
             "        -c checks the configuration, -cc <condition> evaluates a condition\n"
             "        -C changes the folder before files are read\n"
             "        -D goes into the background, -db and -d stay in the foreground\n"
             "        -W runs a master and a worker, -Ws tells systemd as well\n"
             "        -p writes the process id to a file\n"
             "        -q says nothing, -V says more\n"
             "        -n limits all connections, -N those of a proxy by default, -m the memory\n"
             "        -L names this host among peers\n"
             "        -dr starts with servers that cannot be resolved\n"
             "        -dV does not verify servers' certificates, -dW takes warnings for errors\n"
             "        -dD says what is suspicious, -dC prints the configuration, -dK{{class}} the keywords\n"
             "        -sf/-st <pid>* lets old processes finish / ends them once this one serves\n"
             "        -x <socket> takes listening sockets from an old process\n"
             "        -S <bind> opens the master's command line\n"
             "        --allow-planned starts although words are used that weir has not built yet\n\n",
             name);
  leave(1);
}

class Parser {
 public:
  Parser(int argc, char** argv, Options& options, Voice& voice)
      : args_(argv + 1, argv + argc), name_(argv[0]), o_(options), voice_(voice) {}

  void run() {
    for (; at_ < args_.size(); at_++) {
      Str arg = args_[at_];
      if (arg == "--allow-planned") {
        o_.allow_planned = true;
        continue;
      }
      if (arg.empty() || arg[0] != '-') usage(name_);
      if (arg == "--") {
        for (at_++; at_ < args_.size(); at_++) o_.files.emplace_back(args_[at_]);
        return;
      }
      Str flag = arg.substr(1);
      if (flag.empty() || !(simple(flag) || listed(flag))) valued(flag);
    }
  }

 private:
  const char* value() {
    if (at_ + 1 >= args_.size()) usage(name_);
    return args_[++at_];
  }

  // Flags without a value. True when it was one.
  bool simple(Str flag) {
    switch (flag[0]) {
      case 'v': version(flag);
      case 'V': o_.verbose = true; return true;
      case 'D': o_.daemon = true; return true;
      case 'q': o_.quiet = true; return true;
      case '4': return true;
      case 'W':
        o_.master = true;
        o_.systemd |= flag.substr(1).starts_with('s');
        return true;
      case 'd': debug(flag.substr(1)); return true;
      case 'c':
        if (!flag.substr(1).starts_with('c')) {
          o_.check = true;
          return true;
        }
        o_.check_condition = true;
        o_.condition = value();
        return true;
      default: return false;
    }
  }

  [[noreturn]] void version(Str flag) {
    if (flag.starts_with("vq")) {
      show_plain_version(flag.substr(2));
    } else {
      show_version();
      if (flag.starts_with("vv")) show_build();
    }
    leave(0);
  }

  void debug(Str what) {
    if (what.empty()) {
      o_.debug = true;
      return;
    }
    switch (what[0]) {
      case 'b': o_.foreground = true; break;
      case 'r': o_.ignore_resolution = true; break;
      case 'V': o_.no_server_verify = true; break;
      case 'W': o_.no_warnings = true; break;
      case 'D': o_.diagnostics = true; break;
      case 'C': o_.dump_config = true; break;
      case 'K':
        o_.dump_keywords = true;
        o_.keyword_dump = what.substr(1);
        break;
      case 't':  // traces; a value may follow
        if (what.size() == 1 && at_ + 1 < args_.size() && args_[at_ + 1][0] != '-') at_++;
        break;
      case 'e':
      case 'p':
      case 'k':
      case 'v':
      case 'S':
      case 'G':
      case 'R':
      case 'c':
      case 'F':
      case 'I':
      case 'Z':
      case 'M':
      case 'L':
      case 'A':
      case 'T': break;
      default: o_.debug = true;
    }
  }

  // -sf, -st with their process ids, -x and -S.
  bool listed(Str flag) {
    if (flag == "sf" || flag == "st") {
      o_.old_signal = flag == "sf" ? SIGUSR1 : SIGTERM;
      while (at_ + 1 < args_.size() && args_[at_ + 1][0] != '-') old_pids(flag, args_[++at_]);
      return true;
    }
    if (flag[0] == 'x') {
      o_.old_socket = value();
      return true;
    }
    if (flag[0] == 'S') {
      o_.master_cli = value();
      return true;
    }
    return false;
  }

  void old_pids(Str flag, Str list) {
    while (!list.empty()) {
      Str word = cut(list, ' ');
      if (word.empty()) continue;
      auto pid = parse_u64(word);
      if (!pid || *pid == 0 || *pid > INT32_MAX) {
        voice_.say(Level::alert, fmt::format("-{} option: failed to parse {{{}}}", flag, word));
        leave(1);
      }
      o_.old_pids.push_back(static_cast<pid_t>(*pid));
    }
  }

  void valued(Str flag) {
    const char* v = value();
    switch (flag.empty() ? 0 : flag[0]) {
      case 'C': o_.change_dir = v; break;
      case 'n': o_.max_conns = strtoull(v, nullptr, 10); break;
      case 'N': o_.max_proxy_conns = strtoull(v, nullptr, 10); break;
      case 'm': break;  // a limit on memory: nothing here is allocated by it
      case 'L': o_.peer = v; break;
      case 'f': o_.files.emplace_back(v); break;
      case 'p': o_.pid_file = v; break;
      default: usage(name_);
    }
  }

  std::vector<const char*> args_;
  const char* name_;
  Options& o_;
  Voice& voice_;
  size_t at_ = 0;
};

int check_condition(const Options& o, Voice& voice) {
  auto result = config::evaluate_condition(o.condition, haproxy_predicates());
  if (result.ok) return result.value ? 0 : 1;
  voice.say(Level::alert, fmt::format("Failed to evaluate condition: {}", result.error));
  return 2;
}

// Limits of the command line win over the file's where they are lower.
void apply(const Options& o, model::Process& process) {
  if (o.max_conns > 0) process.max_conns = o.max_conns;
  if (!o.pid_file.empty()) process.pid_file = o.pid_file;
}

bool listens(const model::Model& model) {
  const auto* global = static_cast<const haproxy::Global*>(model.haproxy);
  return !model.listeners.empty() || (global && !global->sockets.empty());
}

// `master-worker` in the global section is as good as -W.
bool wants_master(const model::Model& model) {
  for (const config::Directive& section : model.tree->root.block)
    for (const config::Directive& d : section.block)
      if (section.name() == "global" && d.name() == "master-worker" && !d.negated) return true;
  return false;
}

int check(const Options& o, const Loaded& loaded) {
  if (!listens(*loaded.model)) {
    if (!o.quiet) fmt::print("Configuration file has no error but will not start (no listener) => exit(2).\n");
    return 2;
  }
  if (o.verbose && !o.quiet) fmt::print("Configuration file is valid\n");
  return 0;
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

// The configuration sees some of the command line in its environment.
void set_environment(const Options& o) {
  std::string files;
  for (const std::string& f : o.files) files += (files.empty() ? "" : ";") + f;
  setenv("HAPROXY_CFGFILES", files.c_str(), 1);
  setenv("HAPROXY_BRANCH", std::string(kHaproxyBranch).c_str(), 1);
  setenv("HAPROXY_STARTUP_VERSION", std::string(kHaproxyVersion).c_str(), 0);
  setenv("HAPROXY_LOCALPEER", (o.peer.empty() ? host_name() : o.peer).c_str(), 1);
  if (o.master)
    setenv("HAPROXY_MWORKER", "1", 1);
  else
    unsetenv("HAPROXY_MWORKER");
}

// The product's log formats by name, for "${HAPROXY_HTTP_LOG_FMT} and more".
std::vector<std::string> log_formats() {
  return {fmt::format("HAPROXY_HTTP_LOG_FMT={}", haproxy::kHttpLogFormat),
          fmt::format("HAPROXY_HTTP_CLF_LOG_FMT={}", haproxy::kClfLogFormat),
          fmt::format("HAPROXY_HTTPS_LOG_FMT={}", haproxy::kHttpsLogFormat),
          fmt::format("HAPROXY_TCP_LOG_FMT={}", haproxy::kTcpLogFormat),
          fmt::format("HAPROXY_TCP_CLF_LOG_FMT={}", haproxy::kTcpClfLogFormat)};
}

master::Job make_job(const Options& o, Voice& voice) {
  master::Job job;
  job.voice = &voice;
  job.master = o.master;
  job.daemon = o.daemon && !o.foreground && !o.debug && !o.systemd;
  job.pid_file = o.pid_file;
  job.old_pids = o.old_pids;
  job.old_signal = o.old_signal;
  LoadRequest& r = job.request;
  r.dialect = config::Dialect::haproxy;
  r.files = o.files;
  r.read.strict_last_line = true;
  r.read.defines = log_formats();
  r.read.diagnostic_mode = o.diagnostics;
  r.options.face = config::Dialect::haproxy;
  r.options.check_only = o.check;
  r.options.allow_planned = o.allow_planned;
  r.options.ignore_resolution = o.ignore_resolution;
  r.options.no_server_verify = o.no_server_verify;
  r.options.proxy_max_conns = o.max_proxy_conns;
  return job;
}

bool not_there(const Options& o, Voice& voice) {
  if (!o.old_socket.empty() && o.old_socket != "/dev/null") {
    voice.say(Level::alert, "Failed to get the sockets from the old process! (-x is not built yet)");
    return true;
  }
  if (o.master_cli.empty()) return false;
  if (!o.master) {
    voice.say(Level::alert, "a master CLI socket was defined, but master-worker mode (-W) is not enabled.");
    return true;
  }
  voice.say(Level::warn,
            fmt::format("the master's command line (-S {}) is not built yet and stays closed", o.master_cli));
  return false;
}

}  // namespace

int haproxy_main(int argc, char** argv) {
  Options o;
  Voice voice(config::Dialect::haproxy);
  Parser(argc, argv, o, voice).run();
  voice.quiet(o.quiet && !o.verbose);
  if (o.check_condition) return check_condition(o, voice);
  if (o.dump_keywords) {
    print_keywords(o.keyword_dump);
    if (o.files.empty()) return 0;
  }
  if (!o.change_dir.empty() && chdir(o.change_dir.c_str()) != 0) {
    voice.say(Level::alert, fmt::format("Could not change to directory {} : {}", o.change_dir, strerror(errno)));
    return 1;
  }
  if (o.files.empty()) usage(argv[0]);
  if (!o.check && not_there(o, voice)) return 1;
  set_environment(o);
  master::Job job = make_job(o, voice);
  Loaded loaded = master::load_and_show(job);
  if (!loaded.good(o.allow_planned)) return 1;
  if (o.no_warnings && loaded.diag->count(config::Severity::warning) > 0) {
    voice.say(Level::alert, "Some warnings were found and 'zero-warning' is set. Aborting.");
    return 1;
  }
  apply(o, loaded.model->process);
  if (o.dump_config) fmt::print("{}", config::dump(*loaded.model->tree));
  if (o.check) return check(o, loaded);
  if (o.dump_config) return 0;
  job.master = o.master || wants_master(*loaded.model);
  if (!listens(*loaded.model) && !*job.master) {
    voice.say(Level::alert,
              fmt::format("[{}.main()] No enabled listener found (check for 'bind' directives) ! Exiting.", argv[0]));
    return 1;
  }
  if (!o.daemon && loaded.model->process.daemon && !o.foreground && !o.debug) job.daemon = true;
  add_statistics(job);
  return master::run(job, std::move(loaded));
}

}  // namespace weir::tools
