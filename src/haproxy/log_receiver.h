#pragma once
// What a log-forward section does at run time: takes datagrams and connections, finds the messages in them, and passes those on.
#include <memory>
#include <vector>

#include "haproxy/log_forward.h"
#include "net/conn.h"
#include "proxy/shard.h"

namespace weir::haproxy {

struct Global;

class LogReceiver final : public proxy::Service, public proxy::Taker {
 public:
  LogReceiver(const Global& global, const LogForward& conf);
  ~LogReceiver();

  void start(proxy::Shard& shard) override;
  void drain() override;
  void end() override;
  void take(proxy::Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer) override;

  // --- for connections ---
  const LogForward& conf() const { return conf_; }
  // One message, without framing.
  void forward(Str message, const net::Addr& from) const;
  size_t longest() const;
  void gone(const net::Conn& stream) { std::erase(streams_, &stream); }

 private:
  class Datagrams;
  void open(proxy::Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer);

  const Global& global_;
  const LogForward& conf_;
  std::vector<std::unique_ptr<Datagrams>> sockets_;
  std::vector<net::Conn*> streams_;
  bool ended_ = false;
};

// Takes one message from the front of a stream (RFC 6587). `used`: the bytes that it and its framing have.
enum class Framed : uint8_t { message, more, bad };
Framed next_message(Str in, bool lines_only, size_t longest, Str& message, size_t& used);

}  // namespace weir::haproxy
