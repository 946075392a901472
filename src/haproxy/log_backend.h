#pragma once
// Backends in `mode log`: each message goes to one of their servers, over UDP or through a ring of the server's own
// (configuration.txt, `log backend@`). Made when names are resolved, then used from any shard.
#include <vector>

#include "haproxy/balance.h"
#include "haproxy/logging.h"

namespace weir::model {
struct Lineup;
struct Server;
}  // namespace weir::model

namespace weir::haproxy {

class LogBackend {
 public:
  explicit LogBackend(const Proxy& proxy);

  const Proxy& proxy() const { return proxy_; }
  // Where this message goes; null: nobody serves.
  const LogTarget* pick(Str message);

 private:
  friend void resolve_log_backends(Scope& scope);
  const model::Server* choose(const model::Lineup& lineup, Str message);
  bool key_of(Str message, uint32_t& hash) const;

  const Proxy& proxy_;
  std::vector<LogTarget> targets_;  // by slot
  std::vector<int64_t> turns_;  // by slot; guarded by the pool's lock, as the next one
  uint64_t draws_ = 0x9e3779b97f4a7c15;
};

// Every backend in `mode log` gets one, in Global::log_sections. After all sections were bound.
void resolve_log_backends(Scope& scope);
// Reads the converters of `balance log-hash`. Null after an error.
const expr::Expr* parse_log_key(Scope& scope, const config::Word& word);

}  // namespace weir::haproxy
