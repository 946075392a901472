// Options of sockets: what is said, what connections inherit, and what is given back.
#include "net/socket_options.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

using namespace weir::net;

namespace {

int get(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

constexpr int kNames[][2] = {{SOL_SOCKET, SO_RCVBUF},        {SOL_SOCKET, SO_SNDBUF},     {SOL_SOCKET, SO_BUF_LOCK},
                             {SOL_SOCKET, SO_KEEPALIVE},     {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL},
                             {IPPROTO_TCP, TCP_KEEPCNT},     {IPPROTO_TCP, TCP_MAXSEG},   {IPPROTO_TCP, TCP_FASTOPEN},
                             {IPPROTO_TCP, TCP_USER_TIMEOUT}};

struct Loopback {
  Loopback() {
    cr_assert_eq(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    cr_assert_eq(listen(fd, 8), 0);
    socklen_t size = sizeof at;
    getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  }
  ~Loopback() { close(fd); }
  // A connection as it is accepted.
  int connection() {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(client, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    int accepted = accept(fd, nullptr, nullptr);
    close(client);
    return accepted;
  }
  sockaddr_in at{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
};

SocketOptions all() {
  SocketOptions o;
  o.receive_buffer = 30000;
  o.send_buffer = 20000;
  o.keepalive = true;
  o.keep_idle = 50;
  o.keep_interval = 6;
  o.keep_count = 3;
  o.fast_open = 5;
  o.segment = 900;
  o.user_timeout = 7000;
  return o;
}

}  // namespace

Test(socket_options, connections_inherit_them) {
  Loopback listener;
  prepare_listening(listener.fd, all());
  int fd = listener.connection();
  cr_expect_eq(get(fd, SOL_SOCKET, SO_RCVBUF), 60000);
  cr_expect_eq(get(fd, SOL_SOCKET, SO_SNDBUF), 40000);
  cr_expect_eq(get(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  cr_expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 50);
  cr_expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPINTVL), 6);
  cr_expect_eq(get(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
  cr_expect_eq(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
  cr_expect_leq(get(fd, IPPROTO_TCP, TCP_MAXSEG), 900);
  close(fd);
}

Test(socket_options, what_is_not_said_any_more_is_given_back) {
  Loopback listener, untouched;
  prepare_listening(listener.fd, all());
  cr_expect_eq(get(listener.fd, IPPROTO_TCP, TCP_FASTOPEN), 5);
  renew_listening(listener.fd, SocketOptions());
  for (auto [level, name] : kNames)
    cr_expect_eq(get(listener.fd, level, name), get(untouched.fd, level, name), "%d %d", level, name);
}

Test(socket_options, a_part_may_stay) {
  Loopback listener, untouched;
  prepare_listening(listener.fd, all());
  SocketOptions some;
  some.keepalive = true;
  some.keep_count = 9;
  some.send_buffer = 25000;
  renew_listening(listener.fd, some);
  cr_expect_eq(get(listener.fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  cr_expect_eq(get(listener.fd, IPPROTO_TCP, TCP_KEEPCNT), 9);
  cr_expect_eq(get(listener.fd, IPPROTO_TCP, TCP_KEEPIDLE), get(untouched.fd, IPPROTO_TCP, TCP_KEEPIDLE));
  cr_expect_eq(get(listener.fd, SOL_SOCKET, SO_SNDBUF), 50000);
  cr_expect_eq(get(listener.fd, SOL_SOCKET, SO_BUF_LOCK), 1, "the receive buffer is the kernel's again");
}

Test(socket_options, what_is_left_to_connections) {
  cr_expect(left_to_connections(all(), true) == SocketOptions());
  SocketOptions buffers;
  buffers.receive_buffer = 30000;
  buffers.send_buffer = 20000;
  cr_expect(left_to_connections(all(), false) == buffers);
}

Test(socket_options, fast_open_waits_for_data) {
  SocketOptions fast;
  fast.fast_open = 1;
  for (bool has_data : {true, false}) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    prepare_connecting(fd, fast, has_data);
    cr_expect_eq(get(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), has_data);
    close(fd);
  }
}
