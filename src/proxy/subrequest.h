#pragma once
// A request that weir makes to itself on behalf of another one (nginx's subrequests: auth_request, mirror, SSI): a child
// transaction whose client is not a connection but a capture of status, headers and body. It takes the ordinary way through
// steps, servers and filters. Attached children end with their parent; background ones have copies of all that they need.
#include <string>

#include "http/stream.h"
#include "proxy/step.h"

namespace weir::proxy {

class Transaction;
struct Subrequest;

struct SubrequestOptions {
  // Sets child.extra and child.slots and says where to start; null: refused. For background children it copies what it
  // takes from the parent into the child's arena.
  const Segment* (*enter)(Transaction& child, Transaction& parent, const SubrequestOptions& options) = nullptr;
  // Called once when an attached child has ended in whatever way, before the parent is woken, never when the parent ended
  // first. The child is still there, without its streams.
  void (*done)(Subrequest& sub, Transaction& child) = nullptr;
  void* data = nullptr;  // for `enter` and `done`
  Str uri;
  Str args;
  http::Method method = http::Method::get;
  Str method_text = "GET";
  bool with_body = false;  // the parent's collected body is sent, too
  bool background = false;  // nobody waits for it
  uint64_t capture = 0;  // keep so many bytes of the answer's body
};

// Lives in the parent's arena (attached) or the child's (background).
struct Subrequest final : Waiter, http::Stream {
  Transaction* parent = nullptr;  // null: background, or the parent has ended
  Transaction* child = nullptr;  // null: it has ended
  Cursor* cursor = nullptr;  // of the parent, woken at the end
  SubrequestOptions options;
  uint16_t status = 0;  // of the answer; 0: there was none
  bool complete = false;  // the whole answer came
  bool truncated = false;  // its body is longer than `capture`
  std::string* body = nullptr;  // what was captured

  bool ended() const { return child == nullptr; }

  void send_head(http::Message& m, bool end) override;
  void send_data(Str data, bool end, http::HeaderList* trailers) override;
  size_t queued() const override { return 0; }
  void credit(int64_t) override {}
  void finish() override;
  void abort() override;
  net::Conn* conn() override;
};

// Starts a child; null when `enter` refuses. The parent's step returns Next::wait for an attached one and is called
// again at its end.
Subrequest* start_subrequest(Transaction& parent, Cursor* cursor, const SubrequestOptions& options);

}  // namespace weir::proxy
