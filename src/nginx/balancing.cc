// See nginx/balancing.h (ngx_http_upstream_least_conn_module, …_random_module, …_ip_hash_module).
#include "nginx/balancing.h"

#include <fmt/format.h>

#include "balance/methods.h"
#include "nginx/client_addr.h"

namespace weir::nginx {
namespace {

enum class Method : uint8_t { least_conn, random, random_two, ip_hash };

struct Choice {
  model::Pool* pool;
  Method method;
};
struct Choices {
  std::vector<Choice> all;
};

void choose(Scope& scope, const Directive& d, Method method) {
  auto& choices = scope.main<Choices>(kBalancingModule).all;
  for (Choice& c : choices)
    if (c.pool == scope.pool) {
      scope.diag.warning(d.where, "load balancing method redefined");
      c.method = method;
      return;
    }
  choices.push_back({scope.pool, method});
}

void bind_least_conn(void* s, const Directive& d, const Row&) {
  choose(*static_cast<Scope*>(s), d, Method::least_conn);
}

void bind_ip_hash(void* s, const Directive& d, const Row&) {
  choose(*static_cast<Scope*>(s), d, Method::ip_hash);
}

void bind_random(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  static constexpr Str kWords[] = {"two", "least_conn"};
  for (size_t i = 0; i < d.args(); i++) {
    if (d.arg(i).text == kWords[i]) continue;
    if (i == 1 && d.arg(i).text.starts_with("least_time")) {
      scope.diag.add(config::Severity::planned, d.arg(i).where, "not yet: random two least_time", {});
      continue;
    }
    auto& e = scope.error(d.arg(i).where, fmt::format("invalid parameter \"{}\"", d.arg(i).text), "two [least_conn]");
    e.product = e.text;
    return;
  }
  choose(scope, d, d.args() ? Method::random_two : Method::random);
}

void make_balancers(Scope& scope) {
  for (const Choice& c : scope.main<Choices>(kBalancingModule).all) {
    switch (c.method) {
      case Method::least_conn: c.pool->balancer = model::make_least_conn(*c.pool); break;
      case Method::random: c.pool->balancer = model::make_random(*c.pool, false); break;
      case Method::random_two: c.pool->balancer = model::make_random(*c.pool, true); break;
      case Method::ip_hash: c.pool->balancer = model::make_ip_hash(*c.pool, client_addr); break;
    }
  }
}

const Row kTable[] = {
    {"least_conn", kUpstream, 0, 0, Block::none, Inherit::none, bind_least_conn, "",
     "chooses the server with the fewest requests for its weight"},
    {"random", kUpstream, 0, 2, Block::none, Inherit::none, bind_random, "[two [least_conn]]",
     "chooses a server at random, or the less busy one of two"},
    {"ip_hash", kUpstream, 0, 0, Block::none, Inherit::none, bind_ip_hash, "",
     "chooses the server by the client's address, so that clients stay with theirs"},
};

}  // namespace

bool method_takes_backups(Scope& scope, const model::Pool& pool) {
  for (const Choice& c : scope.main<Choices>(kBalancingModule).all)
    if (c.pool == &pool) return c.method == Method::least_conn;
  return true;
}

const Module kBalancingModule{"balancing", 0, nullptr, kTable, nullptr, nullptr, make_balancers};

}  // namespace weir::nginx
