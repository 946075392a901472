#pragma once
// `source` of backends and server lines (configuration.txt, source): the local end of connections to servers.
#include <span>

#include "base/str.h"
#include "net/source.h"

namespace weir::config {
struct Word;
}
namespace weir::expr {
struct Expr;
}
namespace weir::proxy {
class Transaction;
}

namespace weir::haproxy {

struct Scope;

struct SourceConf {
  // What connections show in place of `plain`'s address, which checks always have.
  enum class Shows : uint8_t { plain, address, client, client_address, header };
  net::Source plain;
  Shows shows = Shows::plain;
  net::Addr address;
  const expr::Expr* header = nullptr;  // the client's address; null: the place in the header is 0, which is none
};

// The words behind `source` from `at` on, which is left behind the last one that belongs to it. `ranges`: the port may be a
// range. Null after an error. `line`: what it belongs to, for messages.
const SourceConf* read_source(Scope& scope, std::span<const config::Word> words, size_t& at, Str line, bool ranges);

// The local end for an exchange, in its arena; null: the client has no such address.
const net::Source* source_for(proxy::Transaction& txn, const SourceConf& conf);

}  // namespace weir::haproxy
