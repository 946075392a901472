// See haproxy/chosen_server.h.
#include "haproxy/chosen_server.h"

#include "balance/lineup.h"
#include "haproxy/cookie.h"
#include "proxy/forward.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::haproxy {
namespace {

class ChosenServer final : public model::Balancer {
 public:
  explicit ChosenServer(std::unique_ptr<model::Balancer> usual) : Balancer(usual->wishes), usual_(std::move(usual)) {}
  Str name() const override { return usual_->name(); }

  const model::Server* pick(const model::Pool& pool, proxy::Transaction& txn, const model::Tried& tried) override {
    Exchange& x = exchange(txn);
    txn.named = x.persistence.direct && takes(*x.server, x, txn, tried);
    if (txn.named) return x.server;
    x.persistence.direct = false;
    const model::Server* server = usual_->pick(pool, txn, tried);
    CookieUse* cookies = x.persistence.cookies;
    if (server && server != x.server && cookies && cookies->sent == CookieSent::valid) cookies->sent = CookieSent::down;
    return server;
  }
  bool awaits(const model::Server& s, const proxy::Transaction& txn) const override {
    const Exchange& x = exchange(txn);
    return (x.persistence.direct && x.server == &s) || usual_->awaits(s, txn);
  }
  void answered(const model::Server& s, uint64_t header_ms, uint64_t now_ms) override {
    usual_->answered(s, header_ms, now_ms);
  }
  void ended(const model::Server& s, const model::TryEnd& end) override { usual_->ended(s, end); }
  void grow(size_t slots) override { usual_->grow(slots); }
  void prepare(const model::Pool& pool, uint64_t now_ms) override { usual_->prepare(pool, now_ms); }

 private:
  // A full server that serves is waited for; nobody would call those who wait for one that drains. When too many wait, others
  // may have them (redispatch).
  static bool takes(const model::Server& s, const Exchange& x, const proxy::Transaction& txn,
                    const model::Tried& tried) {
    const uint64_t now = txn.shard.loop.now();
    if (tried.has(s.slot) || !persists_on(s, *x.back, x.persistence, now)) return false;
    if (!model::at_limit(s)) return true;
    if (model::takes_or_left(s, now)) return false;
    return proxy::Queue::has_room(*s.pool, &s) || !txn.plan->redispatch;
  }

  std::unique_ptr<model::Balancer> usual_;
};

}  // namespace

std::unique_ptr<model::Balancer> make_chosen_server(std::unique_ptr<model::Balancer> usual) {
  return std::make_unique<ChosenServer>(std::move(usual));
}

}  // namespace weir::haproxy
