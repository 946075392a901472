// The program as `weir`: its commands. Called once by main().
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "config/include.h"
#include "master/start.h"
#include "net/passed.h"
#include "nginx/error_log.h"
#include "nginx/log_file.h"
#include "tools/check.h"
#include "tools/coverage.h"
#include "tools/default_conf.h"
#include "tools/faces.h"
#include "tools/nginx_paths.h"
#include "tools/runtime_sockets.h"
#include "tools/statistics.h"
#include "tools/version.h"
#include "tools/voice_log.h"

namespace weir::tools {
namespace {

using config::Dialect;
using master::Voice;

constexpr int kUsage = 2;  // exit code of a command line that is not understood

struct RunOptions {
  std::string conf, dialect, pid_file;
  char** argv = nullptr;
  bool daemon = false;
  bool master = false;
  bool allow_planned = false;
};

// The ports of the built-in configuration; `problem` says which variable is wrong.
struct Ports {
  uint16_t traffic = 8080, stats = 8404;
  std::string problem;
};

void read_port(const char* name, uint16_t& port, std::string& problem) {
  const char* text = getenv(name);
  if (!text || !*text) return;
  auto n = parse_u64(text);
  if (n && *n > 0 && *n < 65536)
    port = static_cast<uint16_t>(*n);
  else
    problem = fmt::format("{}=\"{}\" is not a port: write a number from 1 to 65535", name, text);
}

Ports ports_from_environment() {
  Ports p;
  read_port("STATS_PORT", p.stats, p.problem);
  read_port("PORT", p.traffic, p.problem);
  if (p.problem.empty() && p.traffic == p.stats)
    p.problem = fmt::format("PORT and STATS_PORT are both {}: give them different ports", p.stats);
  return p;
}

Dialect dialect_of(const RunOptions& o) {
  Dialect d = Dialect::weir;
  if (parse_dialect(o.dialect, d)) return d;
  struct stat st;
  if (stat(o.conf.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return Dialect::haproxy;
  config::Tree tree;
  int error = 0;
  const config::Source* source = config::load_source(tree, o.conf, error);
  return source ? config::recognise(source->text) : d;
}

void refuse_what_listens_nowhere(Loaded& loaded) {
  if (!loaded.diag->failed() && loaded.model->listeners.empty()) loaded.diag->error({}, kListensNowhere);
}

master::Job make_job(const RunOptions& o, Voice& voice) {
  master::Job job;
  job.voice = &voice;
  job.argv = o.argv;
  job.reopen_logs = nginx::reopen_logs;
  job.close_logs = nginx::close_logs;
  job.log_paths = nginx::log_paths;
  bool follows = master::use_heritage(job, master::take_heritage());
  job.daemon = o.daemon && !follows;
  job.master = o.master || o.daemon;
  job.pid_file = o.pid_file;
  LoadRequest& r = job.request;
  r.options.face = Dialect::weir;
  r.finish = refuse_what_listens_nowhere;
  r.options.allow_planned = o.allow_planned;
  if (o.conf.empty()) {
    Ports ports = ports_from_environment();
    r.text = default_conf_on(ports.traffic, ports.stats);
    r.files = {"default.conf"};
    fmt::print(
        "weir {}: http://127.0.0.1:{}/ balances over two sample origins,\n"
        "weir {}: http://127.0.0.1:{}/ is about weir itself\n",
        kVersion, ports.traffic, kVersion, ports.stats);
    fflush(stdout);
    return job;
  }
  r.dialect = dialect_of(o);
  r.files = {o.conf};
  r.read.conf_dir = config::folder_of(o.conf);
  r.read.prefix = r.options.prefix = prefix_for(o.conf);
  return job;
}

// In the background there is no terminal to speak to.
void speak_to_log(Voice& voice) {
  if (nginx::error_log_named())
    voice.log = log_message;
  else
    voice.say(master::Level::warn,
              "what happens in the background, a refused reload too, is told nowhere: name an error_log");
}

int run(const RunOptions& o) {
  Voice voice(Dialect::weir);
  if (std::string problem = ports_from_environment().problem; o.conf.empty() && !problem.empty()) {
    voice.say(master::Level::emerg, problem);
    return 1;
  }
  voice.startup_log.begin();
  net::note_passed_descriptors();
  master::Job job = make_job(o, voice);
  Loaded loaded = master::load_and_show(job);
  if (!loaded.good(o.allow_planned)) return 1;
  if (job.daemon.value_or(false)) speak_to_log(voice);
  warn_of_unused_descriptors(*loaded.model, {}, voice);
  add_statistics(job);
  return master::run(job, std::move(loaded));
}

void add_run(CLI::App& app, RunOptions& o, int& code) {
  CLI::App* c = app.add_subcommand("run", "start the proxy");
  c->footer(
      "Without -c a built-in configuration is run: a listener on $PORT (8080) that balances over two sample origins,\n"
      "and the statistics page on $STATS_PORT (8404).\n"
      "\n"
      "Signals: TERM and INT end it at once, QUIT when the connections have ended, USR1 opens the log files anew, HUP\n"
      "reloads where there is a master (-W, -D). A file that is refused then leaves what runs as it is.\n"
      "A service manager is told about all of it ($NOTIFY_SOCKET, $WATCHDOG_USEC); sockets that it passes are fd@3 or\n"
      "fd@NAME in `bind` ($LISTEN_FDS, $LISTEN_FDNAMES).\n"
      "\n"
      "Exit codes: 0 ended as asked, 1 the file or an address was refused, 2 the command line was not understood.\n"
      "\n"
      "  weir run                               the built-in configuration\n"
      "  weir run -c /etc/nginx/nginx.conf      an nginx.conf, in the foreground\n"
      "  weir run -W -c /etc/weir/weir.conf     as a service does it (weir.service)\n"
      "  weir run -D -p /run/weir.pid -c FILE   in the background; returns when it serves\n");
  c->add_option("-c,--config", o.conf, "nginx.conf, haproxy.cfg or weir.conf; the dialect is seen from the content");
  c->add_option("--dialect", o.dialect, "take the file for this: nginx, haproxy or weir")
      ->check(CLI::IsMember({"nginx", "haproxy", "weir"}));
  c->add_option("-p,--pid", o.pid_file, "write the process id to this file");
  c->add_flag("-D,--daemon", o.daemon, "go into the background, with a master process");
  c->add_flag("-W,--master", o.master, "run a master process that reloads on SIGHUP and replaces a worker that died");
  c->add_flag("--allow-planned", o.allow_planned, "start although words are used that are not built yet");
  c->callback([&] { code = run(o); });
}

void add_check(CLI::App& app, CheckOptions& o, bool& directives, int& code) {
  CLI::App* c = app.add_subcommand("check", "judge configuration files; 0: accepted, 1: refused");
  c->footer(
      "Every problem is shown with its line, what was expected and the nearest known word. A fragment of an nginx\n"
      "configuration is judged in the blocks that its words belong in. A word that weir has not built yet is accepted "
      "with\n"
      "a line `not yet: …`; starting refuses it, and so does --strict.\n"
      "\n"
      "Exit codes: 0 all files are accepted, 1 one is refused or cannot be read, 2 the command line was not "
      "understood.\n"
      "\n"
      "  weir check /etc/haproxy/haproxy.cfg    what weir makes of the file\n"
      "  weir check --offline nginx.conf        of a file for another machine\n"
      "  weir check --strict FILE               whether weir run starts with it\n"
      "  weir check --json FILE                 for programs\n"
      "  weir check --directives                what this build knows\n");
  c->add_flag("--offline", o.offline, "judge the text alone: certificates, hosts, users and includes may be missing");
  c->add_flag("--strict", o.strict, "refuse what `weir run` refuses: words not built yet, a file that listens nowhere");
  c->add_flag("--json", o.json, "one JSON array of severity, file, line, column, text and remedy");
  c->add_flag("--directives", directives, "list every word that weir knows: real, planned, without effect");
  c->add_flag("--allow-planned", o.allow_planned,
              "with --strict: accept words that are not built yet, as `weir run --allow-planned` does");
  c->add_option("--dialect", o.dialect, "take the files for this: nginx, haproxy or weir")
      ->check(CLI::IsMember({"nginx", "haproxy", "weir"}));
  c->add_option("FILE", o.files, "files to judge");
  c->callback([&] {
    if (directives) return print_coverage(o.json);
    if (o.files.empty()) throw CLI::RequiredError("FILE");
    code = check(o);
  });
}

std::vector<std::string> commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* c : app.get_subcommands({})) names.push_back(c->get_name());
  return names;
}

int unknown_command(const std::vector<std::string>& names, Str word) {
  Str near = config::nearest(word, {names.begin(), names.end()});
  fmt::print(stderr, "weir: there is no command \"{}\"{}\n", word,
             near.empty() ? "; weir --help lists them" : fmt::format("; did you mean {}?", near));
  return kUsage;
}

}  // namespace

int weir_main(int argc, char** argv) {
  CLI::App app("weir: one proxy that runs nginx.conf and haproxy.cfg unchanged");
  app.footer(
      "Started under the name nginx or haproxy, weir takes that program's command line.\n"
      "`weir COMMAND --help` tells more.");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("weir {}", kVersion));
  RunOptions run_options;
  run_options.argv = argv;
  CheckOptions check_options;
  bool directives = false;
  int code = 0;
  add_run(app, run_options, code);
  add_check(app, check_options, directives, code);
  CLI::App* version = app.add_subcommand("version", "print the version");
  version->footer(
      fmt::format("The versions that the other faces answer to: nginx/{}, HAProxy {}. `nginx -V` and `haproxy -vv` "
                  "tell which parts of\n"
                  "those are there.\n",
                  kNginxVersion, kHaproxyVersion));
  version->callback([] { fmt::print("weir {}\n", kVersion); });
  for (auto [name, help] : {std::pair{"convert", "rewrite a configuration as weir.conf"},
                            {"explain", "tell why a request goes where it goes"},
                            {"replay", "send recorded requests through a configuration"},
                            {"simulate", "show how a balancing algorithm spreads requests"},
                            {"ctl", "talk to a running weir"}}) {
    CLI::App* c = app.add_subcommand(name, std::string(help) + " (not yet)");
    c->allow_extras();
    c->callback([&code, name] {
      fmt::print(stderr, "weir {}: not yet\n", name);
      code = 2;
    });
  }
  std::vector<std::string> names = commands(app);
  if (argc > 1 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end())
    return unknown_command(names, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  return code;
}

}  // namespace weir::tools
