// The program as `weir`: its commands. Called once by main().
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>

#include "config/include.h"
#include "master/start.h"
#include "nginx/log_file.h"
#include "tools/check.h"
#include "tools/coverage.h"
#include "tools/default_conf.h"
#include "tools/faces.h"
#include "tools/statistics.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

using config::Dialect;
using master::Voice;

struct RunOptions {
  std::string conf, dialect, pid_file;
  bool daemon = false;
  bool master = false;
  bool allow_planned = false;
};

uint16_t port_from(const char* name, uint16_t fallback) {
  const char* text = getenv(name);
  auto n = text ? parse_u64(text) : std::nullopt;
  return n && *n > 0 && *n < 65536 ? static_cast<uint16_t>(*n) : fallback;
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

master::Job make_job(const RunOptions& o, Voice& voice) {
  master::Job job;
  job.voice = &voice;
  job.reopen_logs = nginx::reopen_logs;
  job.log_paths = nginx::log_paths;
  job.daemon = o.daemon;
  job.master = o.master || o.daemon;
  job.pid_file = o.pid_file;
  LoadRequest& r = job.request;
  r.options.face = Dialect::weir;
  r.options.allow_planned = o.allow_planned;
  if (o.conf.empty()) {
    uint16_t port = port_from("PORT", 8080), stats_port = port_from("STATS_PORT", 8404);
    r.text = default_conf_on(port, stats_port);
    r.files = {"default.conf"};
    fmt::print(
        "weir {}: http://127.0.0.1:{}/ balances over two sample origins,\n"
        "weir {}: http://127.0.0.1:{}/ is about weir itself\n",
        kVersion, port, kVersion, stats_port);
    fflush(stdout);
    return job;
  }
  r.dialect = dialect_of(o);
  r.files = {o.conf};
  std::string folder = config::folder_of(o.conf);
  r.read.conf_dir = folder;
  r.read.prefix = r.options.prefix = folder.empty() ? "./" : folder;
  return job;
}

int run(const RunOptions& o) {
  Voice voice(Dialect::weir);
  master::Job job = make_job(o, voice);
  Loaded loaded = master::load_and_show(job);
  if (!loaded.good(o.allow_planned)) return 1;
  if (loaded.model->listeners.empty()) {
    voice.say(master::Level::emerg, "the configuration listens nowhere");
    return 1;
  }
  add_statistics(job);
  return master::run(job, std::move(loaded));
}

void add_run(CLI::App& app, RunOptions& o, int& code) {
  CLI::App* c = app.add_subcommand("run", "start the proxy");
  c->footer(
      "Without -c a built-in configuration is run: a listener on $PORT (8080) that balances over two sample origins,\n"
      "and the statistics page on $STATS_PORT (8404).");
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
      "configuration is judged in the blocks that its words belong in.");
  c->add_flag("--offline", o.offline, "judge the text alone: certificates, hosts, users and includes may be missing");
  c->add_flag("--json", o.json, "one JSON array of severity, file, line, column, text and remedy");
  c->add_flag("--directives", directives, "list every word that weir knows: real, planned, without effect");
  c->add_flag("--allow-planned", o.allow_planned, "taken for the sake of symmetry: check accepts planned words anyway");
  c->add_option("--dialect", o.dialect, "take the files for this: nginx, haproxy or weir")
      ->check(CLI::IsMember({"nginx", "haproxy", "weir"}));
  c->add_option("FILE", o.files, "files to judge");
  c->callback([&] {
    if (directives) return print_coverage(o.json);
    if (o.files.empty()) throw CLI::RequiredError("FILE");
    code = check(o);
  });
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
  CheckOptions check_options;
  bool directives = false;
  int code = 0;
  add_run(app, run_options, code);
  add_check(app, check_options, directives, code);
  app.add_subcommand("version", "print the version")->callback([] { fmt::print("weir {}\n", kVersion); });
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
  CLI11_PARSE(app, argc, argv);
  return code;
}

}  // namespace weir::tools
