// The program as `haproxy`: what its options do, its messages and exit codes. Called once by main().
#include <fmt/format.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "haproxy/global.h"
#include "haproxy/log_format.h"
#include "master/old_sockets.h"
#include "master/program.h"
#include "master/replacement.h"
#include "master/start.h"
#include "net/passed.h"
#include "tools/coverage.h"
#include "tools/faces.h"
#include "tools/haproxy_options.h"
#include "tools/runtime_sockets.h"
#include "tools/statistics.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

using master::Level;
using master::Voice;

constexpr const char* kMasterCli = "HAPROXY_MASTER_CLI";

int check_condition(const HaproxyOptions& o, Voice& voice) {
  auto result = config::evaluate_condition(o.condition, haproxy_predicates());
  if (result.ok) return result.value ? 0 : 1;
  voice.say(Level::alert, fmt::format("Failed to evaluate condition: {}", result.error));
  return 2;
}

const haproxy::Global* global_of(const Loaded& loaded) {
  return loaded.model ? static_cast<const haproxy::Global*>(loaded.model->haproxy) : nullptr;
}

// The command line wins over the file, at each reload too.
void apply(const HaproxyOptions& o, Loaded& loaded) {
  model::Process& process = loaded.model->process;
  if (o.max_conns > 0) process.max_conns = o.max_conns;
  if (!o.pid_file.empty()) process.pid_file = o.pid_file;
  const haproxy::Global* global = global_of(loaded);
  const bool strict = o.no_warnings || (global && global->zero_warning);
  auto counts = [](const config::Diagnostic& d) { return d.severity == config::Severity::warning && !d.harmless; };
  if (strict && std::ranges::any_of(loaded.diag->all(), counts))
    loaded.diag->error({}, "some warnings were found, and -dW or zero-warning takes them for errors").product =
        "Some warnings were found and 'zero-warning' is set. Aborting.";
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

int check(const HaproxyOptions& o, const Loaded& loaded) {
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
void set_environment(const HaproxyOptions& o) {
  std::string files;
  for (const std::string& f : o.files) files += (files.empty() ? "" : ";") + f;
  setenv("HAPROXY_CFGFILES", files.c_str(), 1);
  setenv("HAPROXY_BRANCH", std::string(kHaproxyBranch).c_str(), 1);
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

master::Job make_job(const HaproxyOptions& o, Voice& voice) {
  master::Job job;
  job.voice = &voice;
  job.master = o.master;
  if (o.daemon || o.foreground) job.daemon = o.daemon;  // -D wins
  job.pid_file = o.pid_file;
  job.old_pids = o.old_pids;
  job.old_signal = o.old_signal;
  job.heed = [&o, &voice](const Loaded& loaded) {
    if (const haproxy::Global* g = global_of(loaded); g && g->quiet && !o.verbose) voice.quiet(true);
  };
  LoadRequest& r = job.request;
  r.finish = [&o](Loaded& loaded) { apply(o, loaded); };
  r.dialect = config::Dialect::haproxy;
  r.files = o.files;
  r.read.strict_last_line = true;
  r.read.defines = log_formats();
  r.read.diagnostic_mode = o.diagnostics;
  r.options.face = config::Dialect::haproxy;
  r.options.check_only = o.check;
  r.options.allow_planned = o.allow_planned;
  r.read.keeps_peer = r.options.keeps_peer = !o.peer.empty();
  r.options.ignore_resolution = o.ignore_resolution;
  r.options.no_server_verify = o.no_server_verify;
  r.options.proxy_max_conns = o.max_proxy_conns;
  return job;
}

// Takes the sockets of the process that runs already, for what opens sockets from here on.
bool take_over(const HaproxyOptions& o, master::Job& job) {
  auto old = std::make_shared<master::OldSockets>();
  std::string problem;
  if (!o.old_socket.empty() && o.old_socket != "/dev/null" && !old->fetch(o.old_socket, problem)) {
    job.voice->say(Level::warn, problem);
    job.voice->say(Level::alert, "Failed to get the sockets from the old process!");
    if (!*job.master) return false;
  }
  master::use_old_sockets(job, std::move(old), !o.no_reuseport);
  return true;
}

bool limit_memory(const HaproxyOptions& o, const char* name, Voice& voice) {
  if (o.max_megabytes == 0) return true;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max = o.max_megabytes * 1048576;
  if (setrlimit(RLIMIT_DATA, &limit) == 0) return true;
  voice.say(Level::alert, fmt::format("[{}.main()] Cannot fix MEM limit to {} megs.", name, o.max_megabytes));
  return false;
}

bool open_command_line(const MasterSockets& sockets, const HaproxyOptions& o, master::Job& job) {
  if (o.master_sockets.empty()) return true;
  if (!*job.master) {
    job.voice->say(Level::alert, "a master CLI socket was defined, but master-worker mode (-W) is not enabled.");
    return false;
  }
  if (!sockets.open(*job.voice, job.cli_sockets)) return false;
  set_socket_variable(kMasterCli, job.cli_sockets);
  job.program->set(kMasterCli, getenv(kMasterCli));
  return true;
}

int start(const HaproxyOptions& o, const char* program, master::Job& job, Loaded loaded, const MasterSockets& sockets) {
  Voice& voice = *job.voice;
  job.master = o.master || wants_master(*loaded.model);
  if (*job.master) setenv("HAPROXY_MWORKER", "1", 1);
  if (!listens(*loaded.model) && !*job.master) {
    voice.say(Level::alert,
              fmt::format("[{}.main()] No enabled listener found (check for 'bind' directives) ! Exiting.", program));
    return 1;
  }
  if (!limit_memory(o, program, voice) || !open_command_line(sockets, o, job) || !take_over(o, job)) return 1;
  if (o.old_pids.empty() && o.old_socket.empty()) warn_of_taken_sockets(*loaded.model, voice);
  warn_of_unused_descriptors(*loaded.model, job.cli_sockets, voice);
  add_statistics(job);
  return master::run(job, std::move(loaded));
}

// Goes on as the master that this process was; -1 when that cannot be.
int resume(const HaproxyOptions& o, master::Job& job, const std::string& testament) {
  job.old_pids.clear();
  master::use_old_sockets(job, std::make_shared<master::OldSockets>(), !o.no_reuseport);
  add_statistics(job);
  return master::go_on(job, testament);
}

}  // namespace

int haproxy_main(int argc, char** argv) {
  Voice voice(config::Dialect::haproxy);
  voice.startup_log.begin();
  net::note_passed_descriptors();
  std::string testament = master::take_testament();
  bool follows = !testament.empty();
  setenv("HAPROXY_STARTUP_VERSION", std::string(kHaproxyVersion).c_str(), 0);  // outlives the program
  master::Program program(argv);
  HaproxyOptions o = read_haproxy_options(argc, argv, voice);
  o.master |= follows;
  voice.quiet(o.quiet && !o.verbose && !(follows && o.check));  // the master is quiet itself
  if (o.check_condition) return check_condition(o, voice);
  if (o.dump_keywords) {
    print_keywords(o.keyword_dump);
    if (o.files.empty()) return 0;
  }
  for (const std::string& text : o.without_effect) voice.say(Level::warn, text);
  if (!o.change_dir.empty() && chdir(o.change_dir.c_str()) != 0) {
    voice.say(Level::alert, fmt::format("Could not change to directory {} : {}", o.change_dir, strerror(errno)));
    return 1;
  }
  if (o.files.empty()) haproxy_usage(argv[0]);
  set_environment(o);
  MasterSockets master_sockets;
  for (const std::string& argument : o.master_sockets)
    if (!o.check && !master_sockets.add(argument, voice)) return 1;
  master::Job job = make_job(o, voice);
  job.program = &program;
  job.open_command_line = [&](std::vector<control::SocketConf>& out) { return master_sockets.open(voice, out); };
  if (follows && o.check) job.heed = {};
  if (follows && !o.check) {
    if (int code = resume(o, job, testament); code >= 0) return code;
    voice.say(Level::alert, "what the program before has left is not understood: starting anew");
    job.daemon = false;
    o.foreground = true;
  }
  Loaded loaded = master::load_and_show(job);
  if (!loaded.good(o.allow_planned)) return 1;
  if (o.dump_config && !o.hide_config) fmt::print("{}", config::dump(*loaded.model->tree));
  if (o.dump_libraries) print_libraries(o.verbose && !o.quiet);
  fflush(stdout);
  if (o.check && follows) master::say_whether_it_could(job, testament);
  if (o.check) return check(o, loaded);
  if (o.dump_config) return 0;
  return start(o, argv[0], job, std::move(loaded), master_sockets);
}

}  // namespace weir::tools
