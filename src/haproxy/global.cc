// The `global` section: identity, privileges, threads, limits and paths (configuration.txt 3).
#include "haproxy/global.h"

#include <fmt/format.h>

#include <filesystem>

#include "haproxy/bind.h"
#include "haproxy/bind_line.h"
#include "haproxy/tables.h"
#include "haproxy/tls.h"

namespace weir::haproxy {

void Global::add_proxy(Proxy* proxy) {
  proxies.push_back(proxy);
  if (proxy->is_front()) fronts.emplace(proxy->name, proxy);
  if (proxy->is_back()) backs.emplace(proxy->name, proxy);
}

Proxy* Global::find_proxy(Str name, bool front) const {
  const auto& known = front ? fronts : backs;
  auto it = known.find(name);
  return it == known.end() ? nullptr : it->second;
}

const HttpErrors* Global::find_errors(Str name) const {
  for (const HttpErrors* e : http_errors)
    if (e->name == name) return e;
  return nullptr;
}

namespace {

const Word& first(const Directive& d, const Row& row) {
  return args_of(d, row)[0];
}

void bind_daemon(void* s, const Directive& d, const Row&) {
  scope_of(s).model.process.daemon = !d.negated;
}
void bind_master_worker(void* s, const Directive&, const Row&) {
  scope_of(s).model.process.master = true;
}
void bind_pidfile(void* s, const Directive& d, const Row& row) {
  scope_of(s).model.process.pid_file = first(d, row).text;
}
void bind_chroot(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = first(d, row);
  if (word != Str("auto") && !std::filesystem::is_directory(word.text)) {
    const bool exists = std::filesystem::exists(word.text);
    std::string problem =
        exists ? fmt::format("'{}' is no folder", word.text) : fmt::format("the folder '{}' does not exist", word.text);
    std::string product = fmt::format("'chroot' : cannot access directory '{}'", word.text);
    // A file is checked where it was written, and the folder may be made where it will serve.
    if (scope.options.check_only && !exists)
      scope.diag.note(word.where, fmt::format("{}: the start will fail without it", problem));
    else
      scope.missing(word.where, std::move(problem), std::move(product));
  }
  scope.model.process.chroot = word.text;
}
void bind_user(void* s, const Directive& d, const Row& row) {
  int id = 0;
  if (find_user(scope_of(s), first(d, row), id)) scope_of(s).model.process.user = first(d, row).text;
}
void bind_group(void* s, const Directive& d, const Row& row) {
  int id = 0;
  if (find_group(scope_of(s), first(d, row), id)) scope_of(s).model.process.group = first(d, row).text;
}
void bind_uid(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  Scope& scope = scope_of(s);
  if (read_number(scope, first(d, row), row.name, 0, UINT32_MAX - 1, n))
    (row.name == "uid" ? scope.model.process.user : scope.model.process.group) = first(d, row).text;
}

void bind_threads(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  Scope& scope = scope_of(s);
  if (!read_number(scope, first(d, row), row.name, 1, 256, n)) return;
  scope.model.process.shards = static_cast<int>(n);
  scope.global.threads_given = true;
}
// Processes became threads; a file that asked for several of them gets as many shards.
void bind_processes(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  scope.warning(d.where, "'nbproc' is not a word of HAProxy any more", "write: nbthread");
  if (args_of(d, row).empty()) return;
  bind_threads(s, d, row);
  scope.global.processes_given = true;
}
void bind_maxconn(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  Scope& scope = scope_of(s);
  if (!read_number(scope, first(d, row), row.name, 0, INT32_MAX, n)) return;
  scope.model.process.max_conns = n;
  scope.model.process.max_conns_waits = true;
  scope.global.maxconn = static_cast<uint32_t>(n);
}
template <uint32_t Global::* member, uint32_t unit = 1>
void bind_rate(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), first(d, row), row.name, 0, INT32_MAX / unit, n))
    scope_of(s).global.*member = static_cast<uint32_t>(n * unit);
}
void bind_ulimit(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), first(d, row), row.name, 0, INT32_MAX, n)) scope_of(s).model.process.rlimit_nofile = n;
}
void bind_hard_limit(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), first(d, row), row.name, 1, INT32_MAX, n)) scope_of(s).model.process.most_nofile = n;
}
void bind_grace(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), first(d, row), row.name, scope_of(s).model.process.grace);
}
void bind_max_reloads(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), first(d, row), row.name, 0, INT32_MAX, n))
    scope_of(s).model.process.max_reloads = static_cast<uint32_t>(n);
}
void bind_may_gain_privileges(void* s, const Directive&, const Row&) {
  scope_of(s).model.process.may_gain_privileges = true;
}
void bind_prealloc_fd(void* s, const Directive&, const Row&) {
  scope_of(s).model.process.all_descriptors = true;
}
void bind_no_reuseport(void* s, const Directive&, const Row&) {
  scope_of(s).model.process.reuseport = false;
}
// The word lifts the limit on the size of core files, too.
void bind_dumpable(void* s, const Directive& d, const Row& row) {
  Words args = args_of(d, row);
  bool off = d.negated || (!args.empty() && args[0] == "off");
  if (!args.empty() && args[0] != Str("on") && args[0] != Str("libs") && !off) {
    scope_of(s).error(args[0].where, fmt::format("'{}' is no value of set-dumpable", args[0].text), "on, off or libs");
    return;
  }
  if (off) return;
  scope_of(s).model.process.rlimit_core = UINT64_MAX;
  scope_of(s).model.process.dumpable = true;
}
void bind_hard_stop(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), first(d, row), row.name, scope_of(s).model.process.shutdown_timeout);
}

template <Str Global::* member>
void bind_text(void* s, const Directive& d, const Row& row) {
  scope_of(s).global.*member = first(d, row).text;
}

void bind_default_path(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  const Word& mode = args[0];
  if (mode == "current") {
    scope.global.path_origin.clear();
  } else if (mode == "config" || mode == "parent") {
    std::filesystem::path folder = std::filesystem::path(d.where.source ? d.where.source->path : "").parent_path();
    scope.global.path_origin = (mode == "parent" ? folder / ".." : folder).string();
  } else if (mode == "origin" && args.size() == 2) {
    scope.global.path_origin = args[1].text;
  } else {
    scope.error(mode.where, fmt::format("'{}' is not an origin of paths", mode.text),
                "current, config, parent or origin PATH");
  }
}

void bind_unix(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  for (size_t i = 0; i + 1 < args.size(); i += 2) {
    if (args[i] == "prefix")
      scope.global.unix_prefix = args[i + 1].text;
    else if (!take_socket_owner(scope, args[i].text, args.subspan(i + 1, 1), scope.global.unix_mode,
                                scope.global.unix_uid, scope.global.unix_gid))
      scope.error(args[i].where, fmt::format("'{}' is not an option of unix-bind", args[i].text));
  }
}

// Environment words work while the file is read; here they are only known.
void bind_nothing(void*, const Directive&, const Row&) {}

void bind_description(void* s, const Directive& d, const Row&) {
  std::string text;
  for (size_t i = 1; i < d.words.size(); i++) text.append(i > 1 ? " " : "").append(d.words[i].text);
  scope_of(s).global.description = scope_of(s).keep(text);
}

constexpr Row word(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help, Str no_effect = {}) {
  return {name, kGlobal, min, max, Block::none, Inherit::none, bind, syntax, help, no_effect};
}
constexpr Row idle(Str name, int8_t min, int8_t max, Str syntax, Str help, Str why) {
  return word(name, min, max, nullptr, syntax, help, why);
}

constexpr Str kOnePoller = "weir has one poller, epoll";
constexpr Str kCpus = "the system places the shards' threads";

constexpr Row kRows[] = {
    word("daemon", 0, 0, bind_daemon, "", "fork into the background after start"),
    word("master-worker", 0, 1, bind_master_worker, "no-exit-on-failure",
         "options of the master; the bare word is replaced by: the command line options -W or -Ws"),
    word("pidfile", 1, 1, bind_pidfile, "<pidfile>", "file that receives the process numbers"),
    word("chroot", 1, 1, bind_chroot, "{ <jail dir> | auto }",
         "confine the process to a directory before it drops privileges"),
    word("user", 1, 1, bind_user, "<user name>", "run as this user after the sockets are bound"),
    word("group", 1, 1, bind_group, "<group name>", "run as this group after the sockets are bound"),
    word("uid", 1, 1, bind_uid, "<number>", "run as this numeric user after the sockets are bound"),
    word("gid", 1, 1, bind_uid, "<number>", "run as this numeric group after the sockets are bound"),
    word("unix-bind", 2, 12, bind_unix,
         "[ prefix <prefix> ] [ mode <mode> ] [ user <user> ] [ uid <uid> ] [ group <group> ] [ gid <gid> ]",
         "common prefix, mode and owner of UNIX listening sockets"),
    word("nbthread", 1, 1, bind_threads, "<number>", "number of threads (shards) that handle traffic"),
    word("nbproc", 0, 1, bind_processes, "<number>", "number of worker processes; replaced by: nbthread"),
    word("maxconn", 1, 1, bind_maxconn, "<number>", "limit of concurrent connections of the whole process"),
    word("maxconnrate", 1, 1, bind_rate<&Global::max_conn_rate>, "<number>",
         "limit of new connections per second of the whole process"),
    word("maxsessrate", 1, 1, bind_rate<&Global::max_session_rate>, "<number>",
         "limit of new sessions per second of the whole process"),
    word("maxsslrate", 1, 1, bind_rate<&Global::max_tls_rate>, "<number>",
         "limit of TLS handshakes per second of the whole process"),
    word("maxcomprate", 1, 1, bind_rate<&Global::max_compression_rate, 1024>, "<number>",
         "limit of input kilobytes per second that may be compressed"),
    word("ulimit-n", 1, 1, bind_ulimit, "<number>", "limit of file descriptors of the process"),
    word("hard-stop-after", 1, 1, bind_hard_stop, "<time>",
         "longest duration of a soft stop before the process is killed"),
    word("grace", 1, 1, bind_grace, "<time>", "delay between the stop signal and the real soft stop"),
    word("mworker-max-reloads", 1, 1, bind_max_reloads, "<number>",
         "end a worker that has lived through more reloads than that; 50 unless said otherwise"),
    word("fd-hard-limit", 1, 1, bind_hard_limit, "<number>",
         "upper bound of file descriptors, whatever the system allows"),
    word("noreuseport", 0, 0, bind_no_reuseport, "", "do not set SO_REUSEPORT on listening sockets"),
    word("insecure-setuid-wanted", 0, 0, bind_may_gain_privileges, "",
         "allow executed programs to gain privileges through setuid bits"),
    word("set-dumpable", 0, 1, bind_dumpable, "[ on | off | libs ]", "lift the limit on the size of core dumps"),
    word("node", 1, 1, bind_text<&Global::node>, "<name>", "name of this node, shown on the statistics page"),
    word("description", 1, -1, bind_description, "<text>", "text that describes this instance on the statistics page"),
    word("default-path", 1, 2, bind_default_path, "{ current | config | parent | origin <path> }",
         "what relative file names in the configuration are relative to"),
    word("setenv", 2, 2, bind_nothing, "<name> <value>", "set an environment variable, also when it exists"),
    word("presetenv", 2, 2, bind_nothing, "<name> <value>", "set an environment variable unless it exists"),
    word("unsetenv", 0, -1, bind_nothing, "[<name> ...]", "remove environment variables"),
    word("resetenv", 0, -1, bind_nothing, "[<name> ...]", "remove every environment variable except those listed"),
    idle("maxsslconn", 1, 1, "<number>", "limit of TLS connections", "they count among those of maxconn"),
    idle("profiling.tasks", 1, -1, "{ auto | on | off | lock | no-lock | memory | no-memory }*",
         "measure the processor time of tasks", "there are no tasks to measure; perf tells where time goes"),
    idle("quick-exit", 0, 0, "", "leave without freeing memory after a reload", "leaving is quick anyway"),
    idle("noepoll", 0, 0, "", "do not use epoll", kOnePoller),
    idle("nopoll", 0, 0, "", "do not use poll", kOnePoller),
    idle("nokqueue", 0, 0, "", "do not use kqueue", kOnePoller),
    idle("noevports", 0, 0, "", "do not use Solaris event ports", kOnePoller),
    idle("nosepoll", 0, 0, "", "speculative epoll switch; replaced by: noepoll", kOnePoller),
    idle("nosplice", 0, 0, "", "do not use kernel splicing between sockets", "bodies are not spliced"),
    idle("nogetaddrinfo", 0, 0, "", "resolve names with gethostbyname instead of getaddrinfo",
         "the system's resolver is used"),
    idle("no-memory-trimming", 0, 0, "", "do not give free memory back to the system at reload",
         "a reload starts a new process"),
    idle("busy-polling", 0, 0, "", "never sleep in the poller, trading processor time for latency",
         "weir sleeps when there is nothing to do"),
    idle("numa-cpu-mapping", 0, 0, "", "let the process inspect NUMA topology to place its threads", kCpus),
    idle("cpu-policy", 1, 3, "<policy> [threads-per-core 1 | auto]", "how processors are spread over thread groups",
         kCpus),
    idle("cpu-set", 1, -1, "<directive>...", "which processors may be used at all", kCpus),
    idle("cpu-affinity", 1, -1, "<affinity>", "how narrowly threads are bound to the processors of their group", kCpus),
    idle("thread-group", 1, -1, "<group> [<thread-range>...]", "which threads belong to a thread group",
         "shards are not grouped"),
    idle("thread-groups", 1, 1, "<number>", "number of thread groups", "shards are not grouped"),
    idle("max-threads-per-group", 1, 1, "<number>", "largest number of threads in one group", "shards are not grouped"),
    idle("maxpipes", 1, 1, "<number>", "limit of kernel pipes used for splicing", "bodies are not spliced"),
    word("prealloc-fd", 0, 0, bind_prealloc_fd, "", "let the kernel allocate its whole descriptor table at start"),
    idle("expose-deprecated-directives", 0, 0, "", "accept deprecated words without a warning",
         "old words always load"),
    idle("expose-experimental-directives", 0, 0, "", "accept words marked experimental", "no word hides behind it"),
    idle("strict-limits", 0, 0, "", "refuse to start when a resource limit cannot be raised",
         "a limit that cannot be raised is always said"),
    idle("insecure-fork-wanted", 0, 0, "", "allow forks after start, which external checks and some Lua modules need",
         "forks are not forbidden"),
    idle("limited-quic", 0, 0, "", "allow QUIC listeners with a TLS library that lacks the full QUIC interface",
         "QUIC is not built"),
    idle("no-quic", 0, 0, "", "no QUIC at all; replaced by: tune.quic.listen off", "QUIC is not built"),
    idle("debug", 0, 0, "", "run in the foreground and dump traffic; replaced by: the command line option -d",
         "use the command line option"),
};

}  // namespace

const config::Table kGlobalTable = kRows;

}  // namespace weir::haproxy
