// `_getsocks`: hands the listening sockets to a process that takes over (HAProxy's -x asks for them; no help lists it). What
// goes over the session's socket: their number as an int; then messages of up to kBatch descriptors with a description of
// each, every one acknowledged with an int. Only Unix sockets carry descriptors.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "control/command.h"
#include "net/descriptor.h"

namespace weir::control {
namespace {

constexpr size_t kBatch = 253;  // what the kernel lets one message carry
constexpr uint64_t kPatienceMs = 1000;  // nothing else is served meanwhile

// Two lengths, of the network namespace and of the interface, neither given, and four bytes that mean nothing any more.
constexpr char kDescription[6] = {};

std::vector<int> listening(const model::Model& model) {
  std::vector<int> fds;
  for (const model::Listener* l : model.listeners) {
    int on = 0;
    socklen_t size = sizeof on;
    if (l->fd >= 0 && getsockopt(l->fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on) fds.push_back(l->fd);
  }
  return fds;
}

bool acknowledged(int to) {
  int answer;
  return net::wait_readable(to, kPatienceMs) && recv(to, &answer, sizeof answer, MSG_DONTWAIT) > 0;
}

void hand_over(int to, const std::vector<int>& fds) {
  int count = static_cast<int>(fds.size());
  if (net::send_descriptors(to, &count, sizeof count, {}) != static_cast<long>(sizeof count)) return;
  for (size_t at = 0; at < fds.size(); at += kBatch) {
    auto batch = std::span(fds).subspan(at, std::min(kBatch, fds.size() - at));
    std::string text(batch.size() * sizeof kDescription, 0);
    if (net::send_descriptors(to, text.data(), text.size(), batch) != static_cast<long>(text.size())) return;
    if (!acknowledged(to)) return;
  }
}

// Sockets of a process that drains are closed: it has none to give, which is an answer too.
Outcome get_sockets(Call& call) {
  if (!call.session.gives_sockets) return Outcome::close;
  int to = call.session.fd();
  int flags = fcntl(to, F_GETFL);
  if (flags < 0 || fcntl(to, F_SETFL, flags & ~O_NONBLOCK) != 0) return Outcome::close;
  constexpr timeval kPatience{kPatienceMs / 1000, 0};
  setsockopt(to, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  hand_over(to, call.server.stopping() ? std::vector<int>() : listening(*call.server.access().model));
  fcntl(to, F_SETFL, flags);
  return Outcome::close;
}

constexpr Command kRows[] = {
    {{"_getsocks"}, Level::user, "", "", get_sockets},
};

}  // namespace

const Commands kSocketCommands = kRows;

}  // namespace weir::control
