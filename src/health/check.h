#pragma once
// What a check is: a program of steps that is run on a server again and again, and what becomes of the results. Made by the
// personalities when the configuration is read, in the model's arena, then only read; hangs on model::Server::checks. What
// steps do in detail (what is sent, what an answer must be) are the personalities' functions.
#include <cstdint>
#include <functional>
#include <string>

#include "base/arena.h"
#include "base/growing_list.h"
#include "base/str.h"
#include "net/addr.h"
#include "net/tls_client.h"

struct ssl_ctx_st;

namespace weir::model {
struct Server;
struct Listener;
}  // namespace weir::model

namespace weir::proxy {
class Transaction;
}

namespace weir::health {

class Run;

// How the last check ended. Numbers as in HAProxy's state files.
enum class Status : uint8_t {
  unknown = 0,
  starting = 1,  // no check has ended yet
  unchanged = 3,  // it says nothing about health
  observed = 4,  // traffic showed errors
  socket_error = 5,
  l4_ok = 6,
  l4_timeout = 7,
  l4_failed = 8,
  l6_ok = 9,
  l6_timeout = 10,
  l6_failed = 11,
  l7_timeout = 12,
  l7_invalid = 13,
  l7_ok = 15,
  l7_conditional = 16,  // it is up and takes nothing new
  l7_wrong = 17,
  process_error = 18,
  process_timeout = 19,
  process_ok = 20,
};
enum class Result : uint8_t { unknown, neutral, failed, passed, conditional };
Result result_of(Status status);
Str short_name(Status status);  // "L7OK"
Str description(Status status);  // "Layer7 check passed"
// Whether a code belongs to it.
inline bool has_code(Status status) {
  return status >= Status::l7_ok;
}

// Where a connection goes and how. What is not set here is as for the check, else as for the server.
struct Connect {
  net::Addr addr;
  uint16_t port = 0;
  uint16_t (*port_of)(Run& run, const void* conf) = nullptr;  // asked when `port` is not set
  const void* port_conf = nullptr;
  bool usual = false;  // TLS, names, PROXY header as for the check
  bool tls = false;
  Str sni;
  Str (*sni_of)(Run& run, const void* conf) = nullptr;  // asked when no name is set
  const void* sni_conf = nullptr;
  Str alpn;  // as in the handshake
  bool send_proxy = false;
  bool relayed = false;  // by way of the server's SOCKS4 proxy
  bool linger = false;  // end it in an orderly way
};

enum class Next : uint8_t {
  next,
  wait,  // for more bytes
  stop,  // the run has its result
  back,  // of act: goes on with step `again`, over a new connection
};

struct Step {
  enum class Kind : uint8_t { connect, send, expect, act };
  Kind kind = Kind::act;
  const Connect* connect = nullptr;
  // Appends what is sent; false: the run has its result.
  bool (*send)(Run& run, const void* conf, std::string& out) = nullptr;
  // Of expect and act. `last`: no more bytes come.
  Next (*run)(Run& run, const void* conf, bool last) = nullptr;
  // Of the last expect, when all is well: what is said about it.
  std::string (*praise)(Run& run, const void* conf) = nullptr;
  const void* conf = nullptr;
  int number = 0;  // as people count; 0: the connection that nobody wrote down
  Str what;  // "expect regex", for messages
  Str comment;
  Status passed = Status::l7_ok;
  Status timed_out = Status::l7_timeout;
  uint32_t again =
      0;  // the step from which an expect that has waited is looked at again, and to which an act goes back
};

struct Program {
  ArenaList<Step> steps;  // the first one connects, or acts
  bool tells_steps = false;  // errors of connections say at which step
  uint32_t most = 16384;  // bytes of an answer that are looked at
  bool outside = false;  // no connection: the only step acts and says later how it ended
};

enum class Begin : uint8_t { up, fully_up, down, fully_down };

struct Check;

// What has become of a server, for messages.
struct News {
  const model::Server& server;
  const Check* check = nullptr;  // that found it out; null: another server that it follows
  bool agent = false;
  Status status = Status::unknown;
  int code = 0;
  int64_t duration_ms = -1;
  Str text;
};

// Tells people about results, in the words of a product. Called on the thread that has found it out.
class Reporter {
 public:
  virtual void checked(const News& news) const = 0;  // the result, or the health, is another one than before
  // `make` makes the server up, down or stopping, and has to be called.
  virtual void change(const News& news, const std::function<void()>& make) const = 0;

 protected:
  ~Reporter() = default;
};

struct Check {
  const Program* program = nullptr;
  bool agent = false;
  Begin begin = Begin::up;
  uint32_t inter = 2000;  // ms between the end of one and the begin of the next
  uint32_t fast_inter = 0;  // while it rises or falls; 0: inter
  uint32_t down_inter = 0;  // while it is down
  uint32_t jitter = 0;  // up to so many ms more, by chance
  uint32_t spread = 0;  // percent that an interval may be longer or shorter
  uint32_t most_spread = 0;  // ms within which all first checks begin; 0: no limit
  int32_t rise = 2;
  int32_t fall = 3;
  uint32_t connect_timeout = 0;  // counts where `timeout` does; 0: none
  uint32_t timeout = 0;  // after the connection is there; 0: what is left of inter
  net::Addr addr;  // in place of the server's
  uint16_t port = 0;
  ssl_ctx_st* tls = nullptr;  // for connections that speak TLS
  bool speaks_tls = false;  // usual connections do
  Str sni;
  Str alpn;
  uint8_t send_proxy = 0;  // version
  bool relayed = false;  // usual connections go by way of the server's SOCKS4 proxy
  const model::Listener* listener = nullptr;  // of exchanges that expressions look at
  void (*prepare)(Run& run, proxy::Transaction& txn) = nullptr;  // sets up an exchange
  const void* conf = nullptr;  // the personality's own
  // How connections speak TLS, in place of `tls` and `sni`; asked for each.
  net::TlsTo (*tls_of)(Run& run) = nullptr;
  bool names_host = true;  // connections without a name ask for that of the request's Host
  bool own_pace = false;  // a run may take longer than `inter`: connect_timeout and timeout count alone

  int32_t most_health() const { return rise + fall - 1; }
  int32_t first_health() const;
  bool begins_up() const { return begin == Begin::up || begin == Begin::fully_up; }
};

// What traffic tells about health.
enum class Observe : uint8_t { nothing, layer4, layer7 };
enum class OnError : uint8_t { fast_inter, fail_check, sudden_death, mark_down };

// All that looks after one server.
struct ServerChecks {
  Check* check = nullptr;
  Check* agent = nullptr;
  const model::Server* tracks = nullptr;  // the server whose health this one has
  GrowingList<const model::Server*> trackers;
  Observe observe = Observe::nothing;
  OnError on_error = OnError::fail_check;
  uint32_t error_limit = 10;
  const Reporter* reporter = nullptr;
};

}  // namespace weir::health
