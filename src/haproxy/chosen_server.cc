// See haproxy/chosen_server.h.
#include "haproxy/chosen_server.h"

#include "haproxy/exchange.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

class ChosenServer final : public model::Balancer {
 public:
  explicit ChosenServer(std::unique_ptr<model::Balancer> usual) : Balancer(usual->wishes), usual_(std::move(usual)) {}
  Str name() const override { return usual_->name(); }

  const model::Server* pick(const model::Pool& pool, proxy::Transaction& txn, const model::Tried& tried) override {
    const model::Server* s = exchange(txn).server;
    if (s && !tried.has(s->slot) && model::usable(*s, txn.shard.loop.now())) return s;
    return usual_->pick(pool, txn, tried);
  }
  void answered(const model::Server& s, uint64_t header_ms, uint64_t now_ms) override {
    usual_->answered(s, header_ms, now_ms);
  }
  void ended(const model::Server& s, const model::TryEnd& end) override { usual_->ended(s, end); }

 private:
  std::unique_ptr<model::Balancer> usual_;
};

}  // namespace

std::unique_ptr<model::Balancer> make_chosen_server(std::unique_ptr<model::Balancer> usual) {
  return std::make_unique<ChosenServer>(std::move(usual));
}

}  // namespace weir::haproxy
