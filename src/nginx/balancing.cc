// See nginx/balancing.h (ngx_http_upstream_least_conn_module, …_least_time_module, …_random_module, …_ip_hash_module,
// …_hash_module).
#include "nginx/balancing.h"

#include <fmt/format.h>

#include "balance/methods.h"
#include "nginx/hash_key.h"

namespace weir::nginx {
namespace {

enum class Method : uint8_t { least_conn, least_time, random, ip_hash, hash, ketama, maglev, peak_ewma };

struct Choice {
  model::Pool* pool = nullptr;
  config::Where where;
  Method method = Method::least_conn;
  model::Draw draw = model::Draw::one;
  model::TimeRules time;
  HashKey* key = nullptr;
  uint32_t table = model::MaglevRules{}.size;
};
struct Choices {
  std::vector<Choice> all;
};

void choose(Scope& scope, const Directive& d, Choice choice) {
  choice.pool = scope.pool;
  choice.where = d.where;
  auto& choices = scope.main<Choices>(kBalancingModule).all;
  for (Choice& c : choices)
    if (c.pool == scope.pool) {
      scope.diag.warning(d.where, "load balancing method redefined");
      c = choice;
      return;
    }
  choices.push_back(choice);
}

void bad_parameter(Scope& scope, const Directive& d, size_t arg, Str expected) {
  auto& e =
      scope.error(d.arg(arg).where, fmt::format("invalid parameter \"{}\"", d.arg(arg).text), std::string(expected));
  e.product = e.text;
}

template <Method method>
void bind_plain(void* s, const Directive& d, const Row&) {
  choose(*static_cast<Scope*>(s), d, {.method = method});
}

void bind_random(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  constexpr Str kRest = "two [least_conn | least_time=header | least_time=last_byte]";
  Choice choice{.method = Method::random};
  if (d.args() > 0) {
    if (d.arg(0).text != "two") return bad_parameter(scope, d, 0, kRest);
    choice.draw = model::Draw::two_least_conn;
  }
  if (d.args() > 1) {
    Str by = d.arg(1).text;
    if (by == "least_time=header")
      choice.draw = model::Draw::two_header_time;
    else if (by == "least_time=last_byte")
      choice.draw = model::Draw::two_last_byte;
    else if (by != "least_conn")
      return bad_parameter(scope, d, 1, kRest);
  }
  choose(scope, d, choice);
}

void bind_least_time(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  Choice choice{.method = Method::least_time};
  if (d.args() > 1) {
    if (d.arg(1).text != "inflight") return bad_parameter(scope, d, 1, "inflight");
    choice.time.inflight = true;
  }
  choice.time.last_byte = d.arg(0).text == "last_byte";
  if (!choice.time.last_byte && d.arg(0).text != "header") {
    auto& e = scope.error(d.arg(0).where, fmt::format("invalid value \"{}\"", d.arg(0).text), "header or last_byte");
    e.product = e.text;
    return;
  }
  choose(scope, d, choice);
}

// hash key [consistent], and weir's own: hash key maglev [size].
void bind_hash(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  Choice choice{.method = Method::hash};
  choice.key = scope.arena.make<HashKey>();
  choice.key->script = compile_script(scope.arena, scope.http->variables, d.arg(0).text, d.arg(0).where, scope.diag);
  Str how = d.args() > 1 ? d.arg(1).text : Str();
  if (how == "consistent")
    choice.method = Method::ketama;
  else if (how == "maglev")
    choice.method = Method::maglev;
  else if (!how.empty())
    return bad_parameter(scope, d, 1, "consistent, or maglev [size]");
  if (d.args() > 2) {
    auto n = parse_u64(d.arg(2).text);
    if (choice.method != Method::maglev || !n || *n > INT32_MAX || !model::is_prime(*n) || *n < 3)
      return bad_parameter(scope, d, 2, "the size of a maglev table is a prime number such as 65537");
    choice.table = static_cast<uint32_t>(*n);
  }
  choose(scope, d, choice);
}

bool warms(Method m) {
  return m == Method::least_conn || m == Method::least_time || m == Method::random || m == Method::peak_ewma;
}

model::Balancer* make_balancer(const Choice& c) {
  const model::Pool& pool = *c.pool;
  model::KeyText key{hash_key, c.key};
  switch (c.method) {
    case Method::least_conn: return model::make_least_conn(pool);
    case Method::least_time: return model::make_least_time(pool, c.time);
    case Method::random: return model::make_random(pool, c.draw);
    case Method::ip_hash: return model::make_ip_hash(pool, hash_addr);
    case Method::hash: return model::make_hash(pool, key);
    case Method::ketama: return model::make_ketama(pool, key);
    case Method::maglev: return model::make_maglev(pool, key, {c.table, true});
    case Method::peak_ewma: return model::make_peak_ewma(pool, true);
  }
  return nullptr;
}

void make_balancers(Scope& scope) {
  for (const Choice& c : scope.main<Choices>(kBalancingModule).all) {
    if (c.key) {
      c.key->variables = &scope.http->variables;
      c.key->simple = is_simple(*c.key->script);
    }
    c.pool->balancer = make_balancer(c);
    c.pool->limits.warms = warms(c.method);
    if (c.pool->limits.warms) continue;
    for (const model::Server* s : c.pool->servers)
      if (s->limits.slow_start)
        scope.diag.warning(c.where, fmt::format("slow_start of \"{}\" has no effect with this method", s->name));
  }
}

const Row kTable[] = {
    {"least_conn", kUpstream, 0, 0, Block::none, Inherit::none, bind_plain<Method::least_conn>, "",
     "chooses the server with the fewest requests for its weight"},
    {"least_time", kUpstream, 1, 2, Block::none, Inherit::none, bind_least_time, "header | last_byte [inflight]",
     "chooses the server whose answer is expected first: its average time for the requests that it has"},
    {"random", kUpstream, 0, 2, Block::none, Inherit::none, bind_random,
     "[two [least_conn | least_time=header | least_time=last_byte]]",
     "chooses a server at random, or the better one of two: less busy, or quicker"},
    {"ip_hash", kUpstream, 0, 0, Block::none, Inherit::none, bind_plain<Method::ip_hash>, "",
     "chooses the server by the client's address, so that clients stay with theirs"},
    {"hash", kUpstream, 1, 3, Block::none, Inherit::none, bind_hash, "key [consistent | maglev [size]]",
     "chooses the server by the hash of a key; consistent and maglev (weir's own) move few keys when servers change"},
    {"peak_ewma", kUpstream, 0, 0, Block::none, Inherit::none, bind_plain<Method::peak_ewma>, "",
     "weir's own: chooses the server with the least latency times requests; slow answers count at once, failures as "
     "slow"},
};

}  // namespace

bool method_takes_slow_start(Scope& scope, const model::Pool& pool) {
  return method_takes_backups(scope, pool);
}

bool method_takes_backups(Scope& scope, const model::Pool& pool) {
  for (const Choice& c : scope.main<Choices>(kBalancingModule).all)
    if (c.pool == &pool)
      return c.method == Method::least_conn || c.method == Method::least_time || c.method == Method::peak_ewma;
  return true;
}

const Module kBalancingModule{"balancing", 0, nullptr, kTable, nullptr, nullptr, make_balancers};

}  // namespace weir::nginx
