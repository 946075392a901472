// Taking listening sockets over, on a socket pair whose other side plays the old process.
#include "master/old_sockets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "net/descriptor.h"

using namespace weir;
using namespace weir::master;

namespace {

// A socket at the address; listening.
int listen_at(const Wish& wish) {
  Opened opened = open_socket(wish);
  cr_assert(opened.fd >= 0, "%s: %s", opened.call, strerror(opened.error));
  return opened.fd;
}

Wish tcp(uint16_t port) {
  Wish w;
  w.family = AF_INET;
  w.port = port;
  w.reuseport = true;
  uint8_t here[] = {127, 0, 0, 1};
  memcpy(w.ip, here, sizeof here);
  return w;
}

Wish path(const std::string& where) {
  Wish w;
  w.family = AF_UNIX;
  w.replace_path = true;
  w.path_size = static_cast<uint16_t>(where.size());
  memcpy(w.path, where.data(), where.size());
  return w;
}

uint16_t port_of(int fd) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  return ntohs(at.sin_port);
}

// The old process: says that it has `count` sockets and sends those of `fds`, in messages of at most `batch`.
struct Old {
  Old(std::vector<int> fds, int count, size_t batch = 253) {
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    thread = std::thread([this, fds = std::move(fds), count, batch] { serve(fds, count, batch); });
  }
  ~Old() {
    close(ends[0]);
    thread.join();
    close(ends[1]);
  }
  void serve(const std::vector<int>& fds, int count, size_t batch) {
    int client = net::receive_descriptor(ends[1]);
    if (client < 0) return;
    fcntl(client, F_SETFL, 0);
    char command[16] = {};
    cr_expect(recv(client, command, sizeof command, 0) == 10 && Str(command) == "_getsocks\n");
    cr_expect_eq(send(client, &count, sizeof count, MSG_NOSIGNAL), sizeof count);
    for (size_t at = 0; at < fds.size(); at += batch) {
      auto some = std::span(fds).subspan(at, std::min(batch, fds.size() - at));
      std::string text(some.size() * 6, 0);
      net::send_descriptors(client, text.data(), text.size(), some);
      int got = 0;
      if (recv(client, &got, sizeof got, MSG_WAITALL) != sizeof got) break;
      cr_expect_eq(got, static_cast<int>(at + some.size()));
    }
    close(client);
  }
  std::string where() const { return "sockpair@" + std::to_string(ends[0]); }

  int ends[2];
  std::thread thread;
};

}  // namespace

Test(old_sockets, what_is_bound_to_the_address_is_used_once) {
  int first = listen_at(tcp(0)), second = listen_at(tcp(port_of(first)));
  std::string file = "/tmp/weir-old-sockets-" + std::to_string(getpid());
  int third = listen_at(path(file));
  Old old({first, second, third}, 3, 2);
  OldSockets sockets;
  std::string problem;
  cr_assert(sockets.fetch(old.where(), problem), "%s", problem.c_str());
  Wish wish = tcp(port_of(first));
  int a = sockets.open(wish).fd, b = sockets.open(wish).fd, c = sockets.open(wish).fd;
  auto inode = [](int fd) {
    struct stat st{};
    fstat(fd, &st);
    return st.st_ino;
  };
  cr_expect_eq(inode(a), inode(first));
  cr_expect_eq(inode(b), inode(second));
  cr_expect(c >= 0 && inode(c) != inode(first) && inode(c) != inode(second), "a new one");
  int d = sockets.open(path(file)).fd;
  cr_expect_eq(inode(d), inode(third));
  cr_expect_neq(inode(sockets.open(path(file + "r")).fd), inode(third));
  unlink(file.c_str());
  unlink((file + "r").c_str());
}

Test(old_sockets, options_are_those_of_the_new_process) {
  Wish before = tcp(0);
  before.socket.keepalive = true;
  before.socket.receive_buffer = 30000;
  int fd = listen_at(before);
  Old old({fd}, 1);
  OldSockets sockets;
  std::string problem;
  cr_assert(sockets.fetch(old.where(), problem), "%s", problem.c_str());
  Wish now = tcp(port_of(fd));
  now.socket.keep_count = 4;
  now.socket.keepalive = true;
  int taken = sockets.open(now).fd;
  sockets.settle();
  auto get = [taken](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(taken, level, name, &value, &size);
    return value;
  };
  cr_expect_eq(port_of(taken), port_of(fd));
  cr_expect_eq(get(SOL_SOCKET, SO_KEEPALIVE), 1);
  cr_expect_eq(get(IPPROTO_TCP, TCP_KEEPCNT), 4);
  cr_expect_neq(get(SOL_SOCKET, SO_RCVBUF), 60000);
}

Test(old_sockets, an_interface_belongs_to_the_address) {
  Wish local = tcp(0);
  memcpy(local.interface, "lo", 2);
  int fd = listen_at(local);
  Old old({fd}, 1);
  OldSockets sockets;
  std::string problem;
  cr_assert(sockets.fetch(old.where(), problem), "%s", problem.c_str());
  auto inode = [](int of) {
    struct stat st{};
    fstat(of, &st);
    return st.st_ino;
  };
  local.port = port_of(fd);
  cr_expect_neq(local.key(), tcp(local.port).key());
  int everywhere = sockets.open(tcp(local.port)).fd, again = sockets.open(local).fd;
  cr_expect_neq(inode(everywhere), inode(fd));
  cr_expect_eq(inode(again), inode(fd));
}

Test(old_sockets, an_old_process_may_have_none) {
  Old old({}, 0);
  OldSockets sockets;
  std::string problem;
  cr_expect(sockets.fetch(old.where(), problem), "%s", problem.c_str());
}

Test(old_sockets, fewer_than_promised_is_a_failure) {
  int one = listen_at(tcp(0));
  Old old({one}, 2);
  OldSockets sockets;
  std::string problem;
  cr_expect(!sockets.fetch(old.where(), problem));
  cr_expect(problem.find("expecting 2 got 1") != std::string::npos, "%s", problem.c_str());
}

Test(old_sockets, a_number_that_cannot_be_is_a_failure) {
  Old old({}, 1 << 30);
  OldSockets sockets;
  std::string problem;
  cr_expect(!sockets.fetch(old.where(), problem));
  cr_expect(!sockets.fetch("/none/of/them", problem));
  cr_expect(problem.find("/none/of/them") != std::string::npos);
}
