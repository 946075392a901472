// See tools/statistics.h.
#include "tools/statistics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "control/control.h"
#include "control/server_news.h"
#include "haproxy/added_servers.h"
#include "haproxy/catalogue.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/personality.h"
#include "haproxy/state_file.h"
#include "haproxy/traffic_log.h"
#include "health/checks.h"
#include "master/start.h"
#include "master/worker.h"
#include "nginx/catalogue.h"
#include "stats/page.h"
#include "tools/runtime_sockets.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

using haproxy::RuntimeAddress;

// Descriptors that were opened here are closed with the worker, inherited ones are not.
struct Sockets {
  std::vector<control::SocketConf> all;
  std::vector<int> own;
  std::unique_ptr<control::Server> server;
  ~Sockets() { close_own(); }
  void close_own() {
    for (int fd : own) close(fd);
    own.clear();
  }
};

// The paths that the sockets of a running process have, under other names until the new ones are all there; else they get their
// names back.
class KeptPaths {
 public:
  void keep(const RuntimeAddress& a) {
    if (a.fd >= 0 || a.addr.family != AF_UNIX || a.addr.abstract) return;
    std::string path(a.addr.unix_path()), kept = fmt::format("{}.{}.bak", path, getpid());
    if (link(path.c_str(), kept.c_str()) == 0) paths_.emplace_back(std::move(path), std::move(kept));
  }
  void let_go() {
    for (const auto& [path, kept] : paths_) unlink(kept.c_str());
    paths_.clear();
  }
  ~KeptPaths() {
    for (const auto& [path, kept] : paths_) rename(kept.c_str(), path.c_str());
    let_go();  // of names that still led to the same socket
  }

 private:
  std::vector<std::pair<std::string, std::string>> paths_;
};

bool open(const std::vector<RuntimeAddress>& addresses, uint32_t timeout_ms, Sockets& sockets, std::string& problem) {
  KeptPaths paths;
  for (const RuntimeAddress& a : addresses) paths.keep(a);
  for (const RuntimeAddress& a : addresses) {
    control::SocketConf conf;
    bool own = false;
    if (!open_runtime_socket(a, timeout_ms, conf, own, problem)) return false;
    control::parse_severity(a.severity, conf.severity);
    if (own) sockets.own.push_back(conf.fd);
    sockets.all.push_back(std::move(conf));
  }
  paths.let_go();
  if (!addresses.empty()) set_socket_variable("HAPROXY_CLI", sockets.all);
  return true;
}

// Where the master's command line reaches this worker: with all rights, and for as long as it lives.
control::SocketConf master_line(int fd, uint32_t timeout_ms) {
  control::SocketConf conf{fmt::format("sockpair@{}", fd), fd, control::Level::admin, timeout_ms};
  conf.pair = conf.lasting = conf.gives_sockets = true;
  return conf;
}

// A host's own name, for want of a configured one.
Str host_name(Arena& arena) {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return arena.dup(name);
}

void make_catalogue(model::Model& model, proxy::Crew& crew) {
  auto* c = model.arena.own<stats::Catalogue>();
  c->product = "weir";
  c->version = kVersion;
  c->node = host_name(model.arena);
  c->max_conns = model.process.max_conns;
  c->limits = &crew.limits;
  c->standing = stats::process_standing();
  c->broken = &crew.broken;
  c->start_ms = stats::monotonic_ms();
  c->shards = std::max(model.process.shards, 1);
  c->listeners = static_cast<int>(model.listeners.size());
  c->token = stats::make_token();
  while (c->servers.size() < model.servers.size()) c->servers.push_back(model.arena.make<stats::ServerEntry>());
  haproxy::fill_catalogue(model, *c);
  nginx::fill_catalogue(model, *c);
  stats::set_catalogue(c);
}

// Lines about servers, on stderr and in the backend's logs: from shards that check them, and from the control thread.
control::Tell teller_for(master::Voice& voice, const haproxy::Global& global) {
  auto lock = std::make_shared<std::mutex>();
  return [&voice, &global, lock](const stats::ProxyEntry& proxy, const control::News& news) {
    std::lock_guard hold(*lock);
    voice.say(news.alarm ? master::Level::alert : master::Level::warn, news.text);
    if (const haproxy::Proxy* p = global.find_proxy(proxy.name, !proxy.back))
      haproxy::log_about(global, *p, news.level, news.logged);
  };
}

// Where there is a runtime socket, servers with checks may come.
bool is_checked(const model::Model& model) {
  return model.haproxy ||
         std::ranges::any_of(model.servers, [](const model::Server* s) { return s->checks != nullptr; });
}

void check_servers(master::Worker& worker) {
  auto checks = std::make_shared<health::Checks>(worker.model(), worker.crew);
  health::set_checks(checks.get());
  worker.on_shard = [checks](proxy::Shard& shard) { checks->begin(shard); };
  worker.on_shard_end = [checks](proxy::Shard& shard) { checks->end(shard); };
  worker.on_drain = [checks, before = std::move(worker.on_drain)] {
    checks->stop();
    if (before) before();
  };
  worker.on_end = [checks, before = std::move(worker.on_end)] {
    health::set_checks(nullptr);
    if (before) before();
  };
}

bool serve(master::Worker& worker, const master::Job& job, std::string& problem) {
  auto& model = const_cast<model::Model&>(worker.model());
  auto sockets = std::make_shared<Sockets>();
  uint32_t timeout_ms = model.haproxy ? haproxy::global(model).socket_timeout_ms : 0;
  if (model.haproxy && !open(haproxy::runtime_addresses(model), timeout_ms, *sockets, problem)) return false;
  make_catalogue(model, worker.crew);
  if (!model.haproxy) return true;
  const haproxy::Global& global = haproxy::global(model);
  master::Voice& voice = *job.voice;
  control::set_teller(teller_for(voice, global));
  if (job.command_line >= 0) sockets->all.push_back(master_line(job.command_line, timeout_ms));
  if (sockets->all.empty()) return true;
  worker.crew.broken.wanted = true;
  control::Access access;
  access.model = &model;
  access.catalogue = stats::catalogue();
  access.servers = &haproxy::server_maker(model);
  access.shards = std::max(model.process.shards, 1);
  access.post = [&worker](int i, std::function<void(proxy::Shard&)> fn) { return worker.post(i, std::move(fn)); };
  access.stopping = [&worker] { return worker.draining(); };
  access.tell = control::teller();
  access.log = [&global](Str line) { haproxy::log_globally(global, line); };
  access.startup_log = [&voice] { return voice.startup_log.text(); };
  access.max_sessions = global.socket_maxconn;
  access.max_line = global.tune_bufsize;
  access.max_payload = global.socket_max_payload;
  stats::catalogue()->listeners += static_cast<int>(sockets->all.size());
  sockets->server = control::Server::start(worker.loop(), std::move(access), sockets->all, problem);
  if (!sockets->server) return false;
  worker.on_drain = [sockets] {
    sockets->server->stop_accepting();
    sockets->close_own();  // a client that the kernel gives to a socket that nobody accepts from waits for ever
  };
  worker.on_end = [sockets] { sockets->server->stop(); };
  return true;
}

}  // namespace

void add_statistics(master::Job& job) {
  job.begun = [&job](model::Model& model, const std::vector<const model::Server*>& fresh) {
    haproxy::load_server_states(model, fresh, [&job](bool warning, const std::string& text) {
      job.voice->say(warning ? master::Level::warn : master::Level::notice, text);
    });
  };
  job.settled = [](bool again) { stats::catalogue()->resume(again); };
  job.before_threads = [&job](master::Worker& worker) {
    std::string problem;
    if (serve(worker, job, problem)) {
      if (is_checked(worker.model())) check_servers(worker);
      return true;
    }
    job.voice->say(master::Level::alert, problem);
    return false;
  };
}

}  // namespace weir::tools
