#pragma once
// The runtime socket: HAProxy's command line for operators and programs (management.txt 9.3), served by the control
// thread of the worker on its libuv loop. It changes what may change at run time (server states, weights, addresses,
// maps) and shows what there is. It knows proxies through the Catalogue only. Made before the shards start, stopped after
// they have ended and before the loop is closed.
#include <uv.h>

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "control/drains.h"
#include "model/model.h"
#include "net/descriptor.h"
#include "stats/catalogue.h"
#include "stats/lines.h"

namespace weir::proxy {
class Shard;
}

namespace weir::control {

class Session;

enum class Level : uint8_t { user, operate, admin };
Str level_name(Level level);

// Answers may carry their severity in front (`severity-output`, `set severity-output`).
enum class SeverityForm : uint8_t { none, number, string };
// False: it is none of these words.
bool parse_severity(Str word, SeverityForm& out);

// One listening socket, bound and non-blocking. Its descriptor stays the caller's.
struct SocketConf {
  std::string text;  // as `show cli sockets` calls it: "unix@/run/weir.sock"
  int fd = -1;
  Level level = Level::operate;
  uint32_t timeout_ms = 10000;  // of a silent client
  bool gives_sockets = false;  // `expose-fd listeners`: to a process that takes over
  bool pair = false;  // `sockpair@`: connections come over it as descriptors
  bool lasting = false;  // also while the process drains
  SeverityForm severity = SeverityForm::none;
};

// A line for operators about a proxy.
struct News {
  std::string text;  // for stderr
  std::string logged;  // for the proxy's logs
  uint8_t level;  // there, as syslog counts
  bool alarm;  // on stderr: more than a warning
};

class ServerMaker;

// What commands work on. The functions are called on the control thread.
struct Access {
  const model::Model* model = nullptr;
  stats::Catalogue* catalogue = nullptr;
  ServerMaker* servers = nullptr;  // null: none come and go
  int shards = 1;
  // Runs a function on a shard's thread; false when that shard has ended.
  std::function<bool(int, std::function<void(proxy::Shard&)>)> post;
  std::function<bool()> stopping;
  std::function<void(const stats::ProxyEntry&, const News&)> tell;
  std::function<std::string()> startup_log;
  std::function<void(Str)> log;  // a line for the global logs
  uint32_t max_sessions = 10;
  size_t max_line = 16384;  // bytes of a command line
  size_t max_payload = 128 * 1024;
};

class Server {
 public:
  // Listens on all sockets. Null, with a reason, when the loop refuses one.
  static std::unique_ptr<Server> start(uv_loop_t* loop, Access access, std::span<const SocketConf> sockets,
                                       std::string& problem);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes no new sessions, but for lasting sockets; the open ones go on. For a worker that drains.
  void stop_accepting();
  // Closes everything. The loop has to run once more before it is closed.
  void stop();

  // --- for sessions and commands ---
  Access& access() { return access_; }
  stats::Catalogue& catalogue() { return *access_.catalogue; }
  const model::Model& model() const { return *access_.model; }
  uv_loop_t* loop() { return loop_; }
  std::span<const SocketConf> sockets() const { return sockets_; }
  stats::Moment moment() const { return stats::moment_since(access_.catalogue->start_ms); }
  bool stopping() const { return access_.stopping && access_.stopping(); }
  void ended(Session* session);
  // Has every shard make a text, then hands their sum to `done` on the control thread; what that returns answers the
  // session's command, if the session is still there.
  using ShardFn = std::function<std::string(proxy::Shard&)>;
  // Makes the answer of what the shards gave; not called when the session is gone by then.
  using DoneFn = std::function<std::string(Session&, std::string)>;
  void ask_shards(const Session& session, ShardFn fn, DoneFn done);
  // Runs a function on every shard's thread, and the other one here when all have; not called when the server ends before.
  void visit_shards(std::function<void(proxy::Shard&)> fn, std::function<void()> done);
  // The session of that number, unless it has ended.
  Session* find_session(uint64_t id) const;
  // Runs a function on every shard's thread; null: nothing is done.
  void on_shards(const std::function<void(proxy::Shard&)>& fn);
  Drains& drains() { return drains_; }
  // Something about it was changed that may let waiting requests in.
  void server_changed(const model::Server& server);
  // There may be more connections than before.
  void limits_changed();
  // The server is elsewhere from now on. Idle connections to the old place are closed.
  void move_server(const model::Server& server, const net::Addr& to);
  // It has another name, whose addresses it gets (Server::follows).
  void rename_server(const model::Server& server, const std::string& host);
  // Sets that shards may still read; freed once each shard has passed between two events.
  void retire(std::vector<std::unique_ptr<const expr::PatternSet>> sets);

 private:
  struct Inbox;
  struct Gather;
  struct Gate;
  Server(uv_loop_t* loop, Access access, std::span<const SocketConf> sockets);
  void accept_some(Gate& gate);
  void watch_gates();
  bool has_room(const Gate& gate) const;
  static void close_gate(Gate& gate);
  void end_drain(const model::Server& server);

  uv_loop_t* loop_;
  Access access_;
  std::vector<SocketConf> sockets_;
  std::vector<Gate*> gates_;
  std::vector<Session*> sessions_;
  net::SpareDescriptor spare_;
  std::vector<std::unique_ptr<const net::Addr>> addresses_;
  std::vector<std::unique_ptr<const std::string>> hosts_;
  Inbox* inbox_;
  Drains drains_;
  uint64_t next_id_ = 1;
};

}  // namespace weir::control
