// `show errors`: the last messages that broke the protocol, byte by byte.
#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include "control/command.h"
#include "stats/broken.h"

namespace weir::control {
namespace {

using stats::BrokenMessage;

// "[24/Nov/2026:10:11:12.013]"
std::string timestamp(uint64_t us) {
  auto seconds = static_cast<time_t>(us / 1000000);
  tm local{};
  localtime_r(&seconds, &local);
  char day[32];
  strftime(day, sizeof day, "%d/%b/%Y:%H:%M:%S", &local);
  return fmt::format("[{}.{:03}]", day, us % 1000000 / 1000);
}

uint64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

std::string shown(unsigned char c) {
  constexpr Str kNamed = "\t\n\r\x1b\\", kLetters = "tnre\\";
  if (size_t i = kNamed.find(static_cast<char>(c)); i != Str::npos) return {'\\', kLetters[i]};
  if (c >= 0x20 && c < 0x7f) return {static_cast<char>(c)};
  return fmt::format("\\x{:02X}", c);
}

// Each line of the message on one or several of at most 79 characters, after the place of its first byte; '+': it goes on.
void dump(std::string& out, Str bytes) {
  constexpr size_t kWidth = 79;
  size_t line_start = 0;
  for (size_t at = 0; at < bytes.size();) {
    std::string line = fmt::format("  {:05}{} ", at, at == line_start ? ' ' : '+');
    bool ended = false;
    while (at < bytes.size() && !ended) {
      std::string text = shown(static_cast<unsigned char>(bytes[at]));
      if (line.size() + text.size() > kWidth) break;
      line += text;
      ended = bytes[at++] == '\n';
    }
    if (ended) line_start = at;
    (out += line) += '\n';
  }
}

struct Party {
  Str name = "<NONE>";
  int64_t id = -1;
};

Party party(const stats::ProxyEntry* p) {
  return p ? Party{p->name, p->id} : Party{};
}

const stats::ProxyEntry* front_of(const stats::Catalogue& catalogue, const model::Listener* listener) {
  for (const stats::ProxyEntry& p : catalogue.proxies)
    for (const model::Listener* l : p.listeners)
      if (l == listener) return &p;
  return nullptr;
}

const stats::ProxyEntry* back_of(const stats::Catalogue& catalogue, const model::Pool* pool) {
  for (const stats::ProxyEntry& p : catalogue.proxies)
    if (pool && p.pool == pool) return &p;
  return nullptr;
}

// One message as its own side's proxy reports it. `only`: the number of the proxy that is asked about, -1: all.
void report(Call& call, const BrokenMessage& m, int64_t only) {
  const stats::Catalogue& catalogue = call.server.catalogue();
  Party front = party(front_of(catalogue, m.listener)), back = party(back_of(catalogue, m.pool)), server;
  if (only >= 0 && front.id != only && back.id != only) return;
  if (m.server) server = {m.server->name, catalogue.of(*m.server).id};
  const Party &own = m.response ? back : front, &other = m.response ? front : back;
  Arena arena;
  std::string source = m.source.is_ip() ? fmt::format("{}:{}", m.source.ip_text(arena), m.source.port) : "unix:0";
  call.out += fmt::format(" \n{} {} {} (#{}): invalid {}\n  {} {} (#{}), server {} (#{}), event #{}, src {}\n",
                          timestamp(m.when_us), m.response ? "backend" : "frontend", own.name, own.id,
                          m.response ? "response" : "request", m.response ? "frontend" : "backend", other.name,
                          other.id, server.name, server.id, m.number, source);
  constexpr size_t kBuffer = stats::BrokenMessages::kMost;
  call.out += fmt::format(
      "  buffer starts at 0 (including 0 out), {} free,\n  len {}, wraps at {}, error at position {}\n  {} :\n  \n",
      kBuffer - std::min(kBuffer, m.size), m.size, kBuffer, m.at, m.why);
  dump(call.out, m.bytes);
}

Outcome show_errors(Call& call) {
  stats::Catalogue& catalogue = call.server.catalogue();
  int64_t only = -1;
  if (Str name = call.word(2); !name.empty()) {
    const stats::ProxyEntry* p = catalogue.find(name, false, false);
    only = p ? p->id : strtoll(std::string(name).c_str(), nullptr, 10);
    if (only == 0) return call.refuse("No such proxy.\n");
  }
  const stats::BrokenMessages& broken = *catalogue.broken;
  call.out += fmt::format("Total events captured on {} : {}\n", timestamp(now_us()), broken.count());
  BrokenMessage m;
  for (const stats::ProxyEntry& p : catalogue.proxies) {
    if (call.word(3) != "response" && broken.request_of(p.listeners, m)) report(call, m, only);
    if (call.word(3) != "request" && p.pool && broken.response_of(p.pool, m)) report(call, m, only);
  }
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "errors"},
     Level::operate,
     "show errors [<px>] [request|response]",
     "the last messages that were broken",
     show_errors},
};

}  // namespace

const Commands kErrorCommands = kRows;

}  // namespace weir::control
