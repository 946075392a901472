#pragma once
// Which certificate a client gets: by the name that it asks for, and by the kinds of keys that it takes (RFC 6066 3; HAProxy's
// configuration.txt, `crt`, `crt-list`, `strict-sni`). One for each listener's settings; looked at in every handshake on
// any thread, changed by the configuration or the control thread.
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/str.h"
#include "net/tls_identity.h"

struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

class TlsNames {
 public:
  // One context and the names that it is for: "a.example"; "*.a.example" for exactly one label in place of the asterisk;
  // "!b.a.example" for a name that such a wildcard of the same entry is not for. Lower case.
  struct Entry {
    ssl_ctx_st* context = nullptr;
    KeyKind kind = KeyKind::other;
    std::vector<std::string> names;
    bool fallback = false;  // for clients that name nothing known
  };
  explicit TlsNames(bool strict) : strict_(strict) {}

  bool strict() const { return strict_; }  // who names nothing known is refused
  // From now on these are chosen from. Takes references to the contexts; handshakes that are under way keep theirs.
  void publish(std::vector<Entry> entries);
  // A context for connections that have said nothing yet: in the client hello one of the others takes its place. So many bytes
  // of each hello are kept (net/tls_hello.h); one number for all contexts.
  void watch(ssl_ctx_st* context, size_t capture = 0);

  // What kinds of keys the client can verify, as its hello says.
  struct Takes {
    bool ecdsa = false;
    bool rsa = false;
  };
  // The context for that name; null: none. With a reference, which the caller gives back. `name` empty: the client sent none.
  ssl_ctx_st* choose(Str name, Takes takes) const;

 private:
  struct Table;
  struct Candidates;
  static int on_client_hello(ssl_st* ssl, int* alert, void* arg);
  std::shared_ptr<const Table> table() const;

  const bool strict_;
  size_t capture_ = 0;
  mutable std::mutex mutex_;
  std::shared_ptr<const Table> table_;
};

}  // namespace weir::net
