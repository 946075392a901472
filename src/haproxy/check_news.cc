// What is said about checks, in HAProxy's words: `option log-health-checks`, and changes of servers with their reason.
#include <fmt/format.h>

#include "control/server_news.h"
#include "haproxy/checks.h"
#include "haproxy/global.h"
#include "haproxy/proxy.h"
#include "haproxy/resolvers.h"
#include "stats/catalogue.h"

namespace weir::haproxy {
namespace {

using health::News;
using health::Status;

constexpr uint8_t kNotice = 5;

// Quotes and what is no text are written as escapes.
std::string escaped(Str text) {
  std::string out;
  for (unsigned char c : text) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", static_cast<char>(c));
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c < 32 || c > 126)
      out += fmt::format("\\x{:02x}", c);
    else
      out += static_cast<char>(c);
  }
  return out;
}

std::string reason(const News& n) {
  std::string out = fmt::format(", reason: {}", health::description(n.status));
  if (health::has_code(n.status)) out += fmt::format(", code: {}", n.code);
  if (!n.text.empty()) out += fmt::format(", info: \"{}\"", escaped(n.text.substr(0, 127)));
  if (n.duration_ms >= 0) out += fmt::format(", check duration: {}ms", n.duration_ms);
  return out;
}

class Reporter final : public health::Reporter {
 public:
  void checked(const News& n) const override {
    const stats::ProxyEntry* backend = entry_of(n.server);
    const auto& tell = control::teller();
    if (!backend || !tell || !proxy_of(n.server).s.checks.log) return;
    const health::Check& c = *n.check;
    int32_t count = (n.agent ? n.server.state->health.agent : n.server.state->health.check).health.load();
    bool up = count >= c.rise;
    health::Result result = health::result_of(n.status);
    std::string line = fmt::format("{} check for {}server {}/{} {}{}{}, status: {}/{} {}.",
                                   n.agent ? "Agent" : "Health", n.server.backup ? "backup " : "", backend->name,
                                   n.server.name, result == health::Result::conditional ? "conditionally " : "",
                                   result >= health::Result::passed ? "succeeded" : "failed", reason(n),
                                   up ? count - c.rise + 1 : count, up ? c.fall : c.rise,
                                   !up                             ? "DOWN"
                                   : n.server.state->weight.load() ? "UP"
                                                                   : "DRAIN");
    tell(*backend, {line, line, kNotice, false});
  }

  void change(const News& n, const std::function<void()>& make) const override {
    const stats::ProxyEntry* backend = entry_of(n.server);
    const auto& tell = control::teller();
    if (!backend || !tell) return make();
    control::ServerNews news(tell, *backend, n.server);
    make();
    std::string cause;
    // The line about the check has said it already.
    if (n.check && !proxy_of(n.server).s.checks.log) cause = reason(n);
    if (!n.check && n.server.checks->tracks) {
      const model::Server& of = *n.server.checks->tracks;
      cause = fmt::format(" via {}/{}", of.pool->name, of.name);
    }
    news.tell(cause);
  }

 private:
  static const Proxy& proxy_of(const model::Server& s) { return *static_cast<const Proxy*>(s.pool->conf); }
  static const stats::ProxyEntry* entry_of(const model::Server& s) {
    stats::Catalogue* all = stats::catalogue();
    return all ? all->find_back(s.pool->name) : nullptr;
  }
};

// srv_adm_st_chg_cause().
Str cause_of(net::DnsStatus why) {
  switch (why) {
    case net::DnsStatus::no_data: return "No IP for server ";
    case net::DnsStatus::no_such_name: return "DNS NX status";
    case net::DnsStatus::timeout:
    case net::DnsStatus::unreachable: return "DNS timeout status";
    case net::DnsStatus::refused: return "DNS refused status";
    default: return "unspecified DNS error";
  }
}

}  // namespace

void tell_resolution(const model::Server& server, net::DnsStatus why, const std::function<void()>& move) {
  stats::Catalogue* all = stats::catalogue();
  const stats::ProxyEntry* backend = all ? all->find_back(server.pool->name) : nullptr;
  if (!backend || !control::teller()) return move();
  control::ServerNews news(control::teller(), *backend, server);
  move();
  news.tell_address(server.without_address() ? cause_of(why) : Str(server.host));
}

const health::Reporter& check_reporter() {
  static const Reporter reporter;
  return reporter;
}

}  // namespace weir::haproxy
