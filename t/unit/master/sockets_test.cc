// Listening sockets: opening, keys, and the way from a master to its worker.
#include "master/sockets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

using namespace weir;
using namespace weir::master;

namespace {

model::Listener loopback(uint16_t port) {
  model::Listener l;
  net::parse_ip("127.0.0.1", l.addr);
  l.addr.port = port;
  return l;
}

uint16_t port_of(int fd) {
  sockaddr_in a{};
  socklen_t size = sizeof a;
  getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
  return ntohs(a.sin_port);
}

}  // namespace

Test(sockets, opens_and_refuses_what_is_taken) {
  Opened first = open_socket(Wish::of(loopback(0), config::Dialect::nginx));
  cr_assert(first.fd >= 0);
  cr_expect(fcntl(first.fd, F_GETFL) & O_NONBLOCK);
  Opened second = open_socket(Wish::of(loopback(port_of(first.fd)), config::Dialect::nginx));
  cr_expect(second.fd < 0 && second.error == EADDRINUSE);
  cr_expect_str_eq(second.call, "bind");
  close(first.fd);
}

Test(sockets, keys_tell_addresses_apart) {
  model::Listener a = loopback(80), b = loopback(81), c = loopback(80);
  c.transparent = true;
  model::Listener d = loopback(80);
  d.reuseport = true;
  auto key = [](const model::Listener& l) { return Wish::of(l, config::Dialect::nginx).key(); };
  cr_expect(key(a) == key(loopback(80)));
  cr_expect(key(a) != key(b));
  cr_expect(key(a) != key(c));
  cr_expect(key(a) == key(d), "a socket that listens can be given that");
}

Test(sockets, unix_paths_as_each_product_treats_them) {
  char folder[] = "/tmp/weir-sockets-XXXXXX";
  cr_assert(mkdtemp(folder));
  std::string path = std::string(folder) + "/s";
  model::Listener l;
  l.addr.family = AF_UNIX;
  l.addr.path = path.data();
  l.addr.path_size = static_cast<uint32_t>(path.size());
  l.unix_mode = 0640;
  Opened first = open_socket(Wish::of(l, config::Dialect::haproxy));
  cr_assert(first.fd >= 0);
  struct stat st;
  cr_assert(stat(path.c_str(), &st) == 0);
  cr_expect((st.st_mode & 0777) == 0640);
  Opened nginx = open_socket(Wish::of(l, config::Dialect::nginx));
  cr_expect(nginx.fd < 0 && nginx.error == EADDRINUSE, "nginx refuses a path that exists");
  Opened haproxy = open_socket(Wish::of(l, config::Dialect::haproxy));
  cr_expect(haproxy.fd >= 0, "HAProxy takes it over");
  close(first.fd);
  close(haproxy.fd);
  unlink(path.c_str());
  rmdir(folder);
}

Test(sockets, master_passes_descriptors) {
  int ends[2];
  cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  std::thread master([&] {
    Packet packet;
    int fd = -1;
    if (!receive_packet(ends[0], packet, fd) || packet.type != Message::wish) return;
    Opened opened = open_socket(packet.wish);
    Packet answer;
    answer.type = Message::opened;
    send_packet(ends[0], answer, opened.fd);
    close(opened.fd);
    if (receive_packet(ends[0], packet, fd)) {
      answer.error = EACCES;
      strcpy(answer.call, "bind");
      send_packet(ends[0], answer);
    }
  });
  MasterOpener opener(ends[1]);
  Opened got = opener.open(Wish::of(loopback(0), config::Dialect::nginx));
  cr_expect(got.fd >= 0 && port_of(got.fd) != 0);
  Opened refused = opener.open(Wish::of(loopback(1), config::Dialect::nginx));
  cr_expect(refused.fd < 0 && refused.error == EACCES);
  cr_expect_str_eq(refused.call, "bind");
  master.join();
  close(ends[0]);
  Opened gone = opener.open(Wish::of(loopback(0), config::Dialect::nginx));
  cr_expect(gone.fd < 0 && gone.error == EPIPE);
  close(got.fd);
  close(ends[1]);
}
