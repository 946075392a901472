// See tools/runtime_sockets.h.
#include "tools/runtime_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "haproxy/haproxy.h"
#include "master/sockets.h"
#include "net/addr.h"
#include "net/passed.h"

namespace weir::tools {
namespace {

using haproxy::RuntimeAddress;

control::Level level_of(Str name) {
  return name == "admin" ? control::Level::admin : name == "user" ? control::Level::user : control::Level::operate;
}

master::Wish wish_for(const RuntimeAddress& a) {
  model::Listener l;
  l.addr = a.addr;
  l.unix_mode = a.mode;
  l.unix_uid = a.uid;
  l.unix_gid = a.gid;
  if (a.backlog) l.backlog = a.backlog;
  l.v6only = a.v6only;
  l.interface = a.interface;
  l.socket = a.socket;
  if (l.socket.fast_open) l.socket.fast_open = static_cast<uint32_t>(l.backlog);
  return master::Wish::of(l, config::Dialect::haproxy);
}

std::string problem_text(const RuntimeAddress& a, const master::Opened& opened) {
  std::string at = a.where.source ? fmt::format(" [{}:{}]", a.where.source->path, a.where.line) : std::string();
  return fmt::format("Binding{} for proxy GLOBAL: cannot {} {} ({}) [{}].", at, opened.call,
                     a.addr.is_ip() ? "socket" : "UNIX socket", strerror(opened.error), a.text);
}

// An inherited socket may not listen yet.
bool adopt(const RuntimeAddress& a, std::string& problem) {
  int listening = 0;
  socklen_t size = sizeof listening;
  bool good = fcntl(a.fd, F_SETFL, fcntl(a.fd, F_GETFL) | O_NONBLOCK) == 0;
  if (good && !a.pair)
    good = getsockopt(a.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
           (listening || listen(a.fd, a.backlog ? a.backlog : SOMAXCONN) == 0);
  if (!good) problem = fmt::format("{}: {}", a.text, strerror(errno));
  return good;
}

// An inherited socket is called by the address that it is bound to.
void name_by_address(control::SocketConf& socket) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (socket.pair || getsockname(socket.fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) return;
  if (at.ss_family != AF_UNIX) {
    socket.text = haproxy::socket_text(net::Addr::from(reinterpret_cast<sockaddr*>(&at), size));
    return;
  }
  const auto& un = reinterpret_cast<const sockaddr_un&>(at);
  size_t length = size - std::min<size_t>(size, offsetof(sockaddr_un, sun_path));
  bool abstract = length > 0 && un.sun_path[0] == 0;
  socket.text = abstract ? fmt::format("abns@{}", Str(un.sun_path + 1, length - 1))
                         : fmt::format("unix@{}", Str(un.sun_path, strnlen(un.sun_path, length)));
}

// `global` with one `stats socket` line, so that the master's sockets have the words of the others.
std::unique_ptr<config::Tree> tree_of(const std::string& argument) {
  auto tree = std::make_unique<config::Tree>();
  const config::Source* source =
      tree->sources.emplace_back(std::make_unique<config::Source>(config::Source{"-S", argument})).get();
  auto word = [&](Str text, size_t at) {
    return config::Word{
        text,
        config::Quote::none,
        {source, 1, static_cast<uint32_t>(at + 1), static_cast<uint32_t>(std::max<size_t>(text.size(), 1))}};
  };
  config::Directive line;
  line.dialect = config::Dialect::haproxy;
  line.words = {word("stats", 0), word("socket", 0)};
  for (Str rest = source->text; !rest.empty();) {
    size_t at = source->text.size() - rest.size();
    if (Str text = cut(rest, ','); !text.empty()) line.words.push_back(word(text, at));
  }
  line.where = line.words.back().where;
  config::Directive section;
  section.dialect = config::Dialect::haproxy;
  section.words = {word("global", 0)};
  section.where = section.words[0].where;
  section.has_block = true;
  section.block.push_back(std::move(line));
  tree->root.words = {word("", 0)};
  tree->root.block.push_back(std::move(section));
  return tree;
}

bool says_level(Str argument) {
  while (!argument.empty())
    if (cut(argument, ',') == "level") return true;
  return false;
}

}  // namespace

bool open_runtime_socket(const RuntimeAddress& a, uint32_t timeout_ms, control::SocketConf& out, bool& own,
                         std::string& problem) {
  out.text = a.text;
  out.fd = a.fd;
  out.level = level_of(a.level);
  out.timeout_ms = timeout_ms;
  out.gives_sockets = a.gives_sockets;
  out.pair = a.pair;
  own = a.fd < 0;
  if (!own) {
    name_by_address(out);
    return adopt(a, problem);
  }
  master::Opened opened = master::open_socket(wish_for(a));
  if (opened.fd < 0) problem = problem_text(a, opened);
  out.fd = opened.fd;
  return opened.fd >= 0;
}

// Whoever may use it is an administrator unless the argument says otherwise.
bool MasterSockets::add(const std::string& argument, master::Voice& voice) {
  config::Diagnostics diag;
  model::LoadOptions options;
  options.face = config::Dialect::haproxy;
  Argument& a = arguments_.emplace_back();
  a.model = haproxy::load(tree_of(argument), diag, options);
  voice.show(diag, false);
  if (diag.failed() || diag.count(config::Severity::planned) > 0) return false;
  a.addresses = haproxy::runtime_addresses(*a.model);
  for (RuntimeAddress& to : a.addresses)
    if (!says_level(argument)) to.level = "admin";
  return true;
}

bool MasterSockets::open(master::Voice& voice, std::vector<control::SocketConf>& out) const {
  for (const Argument& a : arguments_) {
    for (const RuntimeAddress& to : a.addresses) {
      control::SocketConf conf;
      std::string problem;
      bool own = false;
      if (!open_runtime_socket(to, 0, conf, own, problem)) {
        voice.say(master::Level::alert, problem);
        return false;
      }
      out.push_back(std::move(conf));
    }
  }
  return true;
}

void warn_of_unused_descriptors(model::Model& model, const std::vector<control::SocketConf>& others,
                                master::Voice& voice) {
  std::set<int> used;
  for (const model::Listener* l : model.listeners) used.insert(l->fd);
  for (const RuntimeAddress& a : haproxy::runtime_addresses(model)) used.insert(a.fd);
  for (const control::SocketConf& s : others) used.insert(s.fd);
  for (const net::Passed& p : net::passed_descriptors())
    if (!used.contains(p.fd))
      voice.say(master::Level::warn, fmt::format("the descriptor {} ({}) was passed and nothing listens on it: write "
                                                 "fd@{} or fd@{} where it belongs",
                                                 p.fd, p.name.empty() ? "no name" : p.name, p.fd, p.name));
}

void warn_of_taken_sockets(model::Model& model, master::Voice& voice) {
  for (const RuntimeAddress& a : haproxy::runtime_addresses(model)) {
    if (a.fd >= 0 || a.addr.is_ip()) continue;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_storage to{};
    const socklen_t size = a.addr.to(to);
    const bool taken = fd >= 0 && (connect(fd, reinterpret_cast<sockaddr*>(&to), size) == 0 || errno == EAGAIN);
    if (fd >= 0) close(fd);
    if (taken) voice.say(master::Level::warn, fmt::format("another process listens on {}; is -sf missing?", a.text));
  }
}

void set_socket_variable(const char* name, const std::vector<control::SocketConf>& sockets) {
  std::string all;
  for (const control::SocketConf& s : sockets)
    if (!s.pair) all += (all.empty() ? "" : ";") + s.text;
  setenv(name, all.c_str(), 1);
}

}  // namespace weir::tools
