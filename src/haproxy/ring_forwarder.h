#pragma once
// Sends what a ring gets to one server, over a connection that is opened again when it ends.
#include <atomic>
#include <string>

#include "haproxy/ring.h"
#include "proxy/service.h"
#include "proxy/shard.h"

namespace weir::haproxy {

class RingForwarder final : public proxy::Service, public Timer {
 public:
  RingForwarder(Ring& ring, const model::Server& server);

  void start(proxy::Shard& shard) override;
  void end() override;

 private:
  class Connection;
  void on_timer() override { open(); }
  void wake();
  void open();
  void connected();
  void send_some();
  void lost();

  Ring& ring_;
  const model::Server& server_;
  const bool octet_count_;
  const uint32_t max_reuse_;
  std::atomic<proxy::Shard*> shard_{nullptr};
  Connection* conn_ = nullptr;
  MessageRing::Position at_ = 0;
  uint32_t sent_ = 0;  // over the connection
  std::atomic<bool> woken_{false};
};

}  // namespace weir::haproxy
