// See tools/haproxy_options.h.
#include "tools/haproxy_options.h"

#include <fmt/format.h>
#include <link.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tools/haproxy_features.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

using master::Level;
using master::Voice;
using Options = HaproxyOptions;

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

}  // namespace

void haproxy_usage(const char* program) {
  Str name = program;
  name = name.substr(name.rfind('/') + 1);
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
             "        -D goes into the background, -db and -d stay in the foreground; -D wins\n"
             "        -W runs a master and a worker, -Ws stays in the foreground and tells systemd as well\n"
             "        -p writes the process id to a file\n"
             "        -q says nothing, -V says more\n"
             "        -n limits all connections, -N those of a proxy by default, -m the memory\n"
             "        -L names this host among peers\n"
             "        -dr starts with servers that cannot be resolved\n"
             "        -dV does not verify servers' certificates, -dW takes warnings for errors\n"
             "        -dD says what is suspicious, -dC prints the configuration, -dK{{class}} the keywords\n"
             "        -dL lists the libraries in use, -dR does without SO_REUSEPORT\n"
             "        -d{{c,e,k,p,t,v,A,F,G,I,M,S,T,Z}} and -4 are taken and say that they have no effect here\n"
             "        -sf/-st <pid>* lets old processes finish / ends them once this one serves\n"
             "        -x <socket> takes listening sockets from an old process\n"
             "        -S <bind>[,<option>]* opens the master's command line; may be repeated\n"
             "        --allow-planned starts although words are used that weir has not built yet\n\n",
             name);
  leave(1);
}

namespace {

// Options of -d that change only how HAProxy itself works inside, or show what it does there.
struct WithoutEffect {
  char letter;
  Str why;
};
constexpr WithoutEffect kWithoutEffect[] = {
    {'F', "it has no fast-forward to switch off"},
    {'G', "names are resolved with getaddrinfo() and in no other way"},
    {'I', "it never forbids a fork"},
    {'S', "it does not splice"},
    {'T', "it does not use kTLS"},
    {'Z', "it has no zero-copy forwarding to switch off"},
    {'c', "it tells nothing about how its threads are bound to CPUs"},
    {'e', "epoll is the only way in which it waits for sockets"},
    {'k', "there is no kqueue on this system"},
    {'p', "it does not use poll()"},
    {'t', "it has no traces"},
    {'v', "there are no event ports on this system"},
};

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
      if (arg.empty() || arg[0] != '-') haproxy_usage(name_);
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
    if (at_ + 1 >= args_.size()) haproxy_usage(name_);
    return args_[++at_];
  }

  // Flags without a value. True when it was one.
  bool simple(Str flag) {
    switch (flag[0]) {
      case 'v': version(flag);
      case 'V': o_.verbose = true; return true;
      case 'D': o_.daemon = true; return true;
      case 'q': o_.quiet = true; return true;
      case '4':
        without_effect("-4", "names are resolved once, at the start, and IPv4 addresses come first");
        return true;
      case 'W':
        o_.master = true;
        o_.foreground |= flag.substr(1).starts_with('s');
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
      o_.foreground = true;
      return without_effect("-d", "it shows no events; without -D the process stays in the foreground");
    }
    Str rest = what.substr(1);
    switch (what[0]) {
      case 'b': o_.foreground = true; return;
      case 'r': o_.ignore_resolution = true; return;
      case 'V': o_.no_server_verify = true; return;
      case 'W': o_.no_warnings = true; return;
      case 'D': o_.diagnostics = true; return;
      case 'L': o_.dump_libraries = true; return;
      case 'R': o_.no_reuseport = true; return;
      case 'C': return dump_configuration(rest);
      case 'A': return collect_libraries(rest);
      case 'M': return debug_memory(rest);
      case 'K':
        o_.dump_keywords = true;
        o_.keyword_dump = rest;
        return;
      default: break;
    }
    if (what == "t" && at_ + 1 < args_.size() && args_[at_ + 1][0] != '-') at_++;  // which traces
    for (const WithoutEffect& w : kWithoutEffect)
      if (w.letter == what[0]) return without_effect(fmt::format("-d{}", w.letter), w.why);
    o_.foreground = true;
    without_effect(fmt::format("-d{}", what),
                   "there is no such option; without -D the process stays in the foreground");
  }

  void without_effect(const std::string& option, Str why) {
    o_.without_effect.push_back(fmt::format("{} has no effect in weir: {}", option, why));
  }

  // A key asks for names and addresses that nobody recognises: nothing is printed rather than what they are.
  void dump_configuration(Str key) {
    o_.dump_config = true;
    o_.hide_config = atoll(std::string(key).c_str()) != 0;
    if (o_.hide_config)
      without_effect("-dC with a key", "it cannot hide names and addresses, so the configuration is not printed");
    else if (!key.empty() && key != "0")
      without_effect(fmt::format("'{}' behind -dC", key), "the configuration is printed as it was read");
  }

  void collect_libraries(Str file) {
    if (file.empty()) {
      voice_.say(Level::alert, "-dA: missing output file name");
      leave(1);
    }
    without_effect("-dA", "it writes no archive; -dL lists what belongs into one");
  }

  void debug_memory(Str what) {
    if (what.find("help") != Str::npos) {
      fmt::print(
          "weir takes memory from the C library and has no options for it; $MALLOC_PERTURB_ fills it (mallopt(3))\n");
      leave(0);
    }
    without_effect("-dM", "memory comes from the C library; $MALLOC_PERTURB_ fills it (mallopt(3))");
  }

  // -sf, -st with their process ids, -x and -S.
  bool listed(Str flag) {
    if (flag == "sf" || flag == "st") {
      o_.old_signal = flag == "sf" ? SIGUSR1 : SIGTERM;
      while (at_ + 1 < args_.size() && args_[at_ + 1][0] != '-') old_pids(flag, args_[++at_]);
      return true;
    }
    if (flag[0] == 'x') {
      if (at_ + 1 >= args_.size()) voice_.say(Level::alert, "Unix socket path expected with the -x flag");
      if (!o_.old_socket.empty()) voice_.say(Level::warn, "-x option already set, overwriting the value");
      o_.old_socket = value();
      return true;
    }
    if (flag[0] == 'S') {
      if (at_ + 1 >= args_.size())
        voice_.say(Level::alert, "Socket and optional bind parameters expected with the -S flag");
      o_.master_sockets.emplace_back(value());
      return true;
    }
    return false;
  }

  void old_pids(Str flag, Str list) {
    while (!list.empty()) {
      Str word = cut(list, ' ');
      if (word.empty()) continue;
      size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
      auto pid = parse_u64(word.substr(0, digits));
      if (digits < word.size()) {
        Str rest = word.substr(digits);
        voice_.say(Level::alert, fmt::format("-{} option: some bytes unconsumed in PID list {{{}}}", flag, rest));
        leave(1);
      }
      if (!pid || *pid == 0 || *pid > INT32_MAX) haproxy_usage(name_);
      o_.old_pids.push_back(static_cast<pid_t>(*pid));
    }
  }

  void valued(Str flag) {
    const char* v = value();
    switch (flag.empty() ? 0 : flag[0]) {
      case 'C': o_.change_dir = v; break;
      case 'n': o_.max_conns = strtoull(v, nullptr, 10); break;
      case 'N': o_.max_proxy_conns = strtoull(v, nullptr, 10); break;
      case 'm': o_.max_megabytes = strtoull(v, nullptr, 10); break;
      case 'L': o_.peer = v; break;
      case 'f': o_.files.emplace_back(v); break;
      case 'p': o_.pid_file = v; break;
      default: haproxy_usage(name_);
    }
  }

  std::vector<const char*> args_;
  const char* name_;
  Options& o_;
  Voice& voice_;
  size_t at_ = 0;
};

int print_object(dl_phdr_info* info, size_t, void* addresses) {
  std::string name = info->dlpi_name;
  if (name.empty()) {
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n > 0) name.assign(path, static_cast<size_t>(n));
  }
  if (name.find('/') == std::string::npos) return 0;  // the kernel's own
  if (!addresses) {
    fmt::print("{}\n", name);
    return 0;
  }
  uint64_t first = UINT64_MAX, last = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    first = std::min<uint64_t>(first, info->dlpi_addr + part.p_vaddr);
    last = std::max<uint64_t>(last, info->dlpi_addr + part.p_vaddr + part.p_memsz);
  }
  fmt::print("0x{:012x}-0x{:012x} (0x{:07x}) {}\n", first, last, last - first, name);
  return 0;
}

}  // namespace

HaproxyOptions read_haproxy_options(int argc, char** argv, Voice& voice) {
  HaproxyOptions o;
  Parser(argc, argv, o, voice).run();
  return o;
}

void print_libraries(bool addresses) {
  static char yes;
  dl_iterate_phdr(print_object, addresses ? &yes : nullptr);
}

}  // namespace weir::tools
