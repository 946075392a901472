// See tools/default_conf.h. The file is put into the program by the assembler, so that there is one copy of it; its
// path is seen from the top folder, where make compiles.
#include "tools/default_conf.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

__asm__(
    ".pushsection .rodata\n"
    ".global weir_default_conf\n"
    ".global weir_default_conf_end\n"
    "weir_default_conf:\n"
    ".incbin \"conf.d/default.conf\"\n"
    "weir_default_conf_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" const char weir_default_conf[];
extern "C" const char weir_default_conf_end[];

namespace weir::tools {
namespace {

void replace_all(std::string& text, Str from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// A port that was free a moment ago; `held` keeps it from being given twice.
uint16_t free_port(std::vector<int>& held) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  auto* generic = reinterpret_cast<sockaddr*>(&a);
  if (fd < 0 || bind(fd, generic, size) != 0 || getsockname(fd, generic, &size) != 0) return 0;
  held.push_back(fd);
  return ntohs(a.sin_port);
}

}  // namespace

Str default_conf() {
  return {weir_default_conf, static_cast<size_t>(weir_default_conf_end - weir_default_conf)};
}

std::string default_conf_on(uint16_t port, uint16_t stats_port) {
  std::string text(default_conf());
  std::vector<int> held;
  for (Str sample : {"127.0.0.1:18081", "127.0.0.1:18082"})
    if (uint16_t p = free_port(held)) replace_all(text, sample, "127.0.0.1:" + std::to_string(p));
  for (int fd : held) close(fd);
  replace_all(text, "listen 8080;", "listen " + std::to_string(port) + ";");
  replace_all(text, "listen 8404;", "listen " + std::to_string(stats_port) + ";");
  return text;
}

}  // namespace weir::tools
