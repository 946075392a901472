// See tools/statistics.h.
#include "tools/statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/control.h"
#include "haproxy/catalogue.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/personality.h"
#include "master/sockets.h"
#include "master/worker.h"
#include "nginx/catalogue.h"
#include "stats/page.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

using haproxy::RuntimeAddress;

master::Wish wish_for(const RuntimeAddress& a) {
  model::Listener l;
  l.addr = a.addr;
  l.v6only = a.v6only;
  l.unix_mode = a.mode;
  l.unix_uid = a.uid;
  l.unix_gid = a.gid;
  if (a.backlog) l.backlog = a.backlog;
  return master::Wish::of(l, config::Dialect::haproxy);
}

std::string problem_text(const RuntimeAddress& a, const master::Opened& opened) {
  std::string at = a.where.source ? fmt::format(" [{}:{}]", a.where.source->path, a.where.line) : std::string();
  return fmt::format("Binding{} for proxy GLOBAL: cannot {} {} ({}) [{}].", at, opened.call,
                     a.addr.is_ip() ? "socket" : "UNIX socket", strerror(opened.error), a.text);
}

control::Level level_of(Str name) {
  return name == "admin" ? control::Level::admin : name == "user" ? control::Level::user : control::Level::operate;
}

// Descriptors that were opened here are closed with the worker, inherited ones are not.
struct Sockets {
  std::vector<control::SocketConf> all;
  std::vector<int> own;
  std::unique_ptr<control::Server> server;
  ~Sockets() {
    for (int fd : own) close(fd);
  }
};

// Where an inherited descriptor listens.
std::string address_of(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return "unknown";
  if (name.ss_family == AF_UNIX) {
    const auto& un = reinterpret_cast<const sockaddr_un&>(name);
    size_t length = size - std::min<size_t>(size, offsetof(sockaddr_un, sun_path));
    bool abstract = length > 0 && un.sun_path[0] == 0;
    return abstract ? fmt::format("abns@{}", Str(un.sun_path + 1, length - 1))
                    : fmt::format("unix@{}", Str(un.sun_path, strnlen(un.sun_path, length)));
  }
  return haproxy::socket_text(net::Addr::from(reinterpret_cast<sockaddr*>(&name), size));
}

// For scripts that the configuration starts, and `show env`.
void tell_environment(const Sockets& sockets) {
  std::string all;
  for (const control::SocketConf& s : sockets.all) (all += all.empty() ? "" : ";") += s.text;
  setenv("HAPROXY_CLI", all.c_str(), 1);
}

bool open(const std::vector<RuntimeAddress>& addresses, uint32_t timeout_ms, Sockets& sockets, std::string& problem) {
  for (const RuntimeAddress& a : addresses) {
    control::SocketConf conf{a.text, a.fd, level_of(a.level), timeout_ms};
    control::parse_severity(a.severity, conf.severity);
    if (a.fd < 0) {
      master::Opened opened = master::open_socket(wish_for(a));
      if (opened.fd < 0) {
        problem = problem_text(a, opened);
        return false;
      }
      conf.fd = opened.fd;
      sockets.own.push_back(opened.fd);
    } else if (fcntl(a.fd, F_SETFL, fcntl(a.fd, F_GETFL) | O_NONBLOCK) != 0) {
      problem = fmt::format("{}: {}", a.text, strerror(errno));
      return false;
    } else {
      conf.text = address_of(a.fd);
    }
    sockets.all.push_back(std::move(conf));
  }
  return true;
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
  c->broken = &crew.broken;
  c->start_ms = stats::monotonic_ms();
  c->shards = std::max(model.process.shards, 1);
  c->listeners = static_cast<int>(model.listeners.size());
  c->token = stats::make_token();
  c->servers.resize(model.servers.size());
  haproxy::fill_catalogue(model, *c);
  nginx::fill_catalogue(model, *c);
  stats::set_catalogue(c);
}

bool serve(master::Worker& worker, master::Voice& voice, std::string& problem) {
  auto& model = const_cast<model::Model&>(worker.model());
  std::vector<RuntimeAddress> addresses = haproxy::runtime_addresses(model);
  auto sockets = std::make_shared<Sockets>();
  if (!addresses.empty() && !open(addresses, haproxy::global(model).socket_timeout_ms, *sockets, problem)) return false;
  make_catalogue(model, worker.crew);
  if (addresses.empty()) return true;
  tell_environment(*sockets);
  worker.crew.broken.wanted = true;
  const haproxy::Global& global = haproxy::global(model);
  control::Access access;
  access.model = &model;
  access.catalogue = stats::catalogue();
  access.shards = std::max(model.process.shards, 1);
  access.post = [&worker](int i, std::function<void(proxy::Shard&)> fn) { return worker.post(i, std::move(fn)); };
  access.stopping = [&worker] { return worker.draining(); };
  access.tell = [&voice, &global](const stats::ProxyEntry& proxy, const control::News& news) {
    voice.say(news.alarm ? master::Level::alert : master::Level::warn, news.text);
    if (const haproxy::Proxy* p = global.find_proxy(proxy.name, !proxy.back))
      haproxy::log_about(global, *p, news.level, news.logged);
  };
  access.max_sessions = global.socket_maxconn;
  access.max_line = global.tune_bufsize;
  access.max_payload = global.socket_max_payload;
  stats::catalogue()->listeners += static_cast<int>(sockets->all.size());
  sockets->server = control::Server::start(worker.loop(), std::move(access), sockets->all, problem);
  if (!sockets->server) return false;
  worker.on_drain = [sockets] { sockets->server->stop_accepting(); };
  worker.on_end = [sockets] { sockets->server->stop(); };
  return true;
}

}  // namespace

void add_statistics(master::Job& job) {
  job.before_threads = [&voice = *job.voice](master::Worker& worker) {
    std::string problem;
    if (serve(worker, voice, problem)) return true;
    voice.say(master::Level::alert, problem);
    return false;
  };
}

}  // namespace weir::tools
