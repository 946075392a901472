// See nginx/chunked.h. Without chunks a body of unknown length ends with the connection.
#include "nginx/chunked.h"

#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Filter;

constexpr int kOrder = 95;  // when every other filter has said what the body is

struct ChunkedConf {
  Setting<bool> on;
};

// Only there to see the head last; never stays in the chain.
class WithoutChunks final : public Filter {
 public:
  bool head(proxy::Transaction&, http::Message& m) override {
    if (m.body == http::Body::chunked) m.body = http::Body::close;
    return false;
  }
  void data(Str data, bool end) override { emit(data, end); }
};

Filter* make(proxy::Transaction& txn, const void*) {
  return txn.arena.make<WithoutChunks>();
}

void compile(Scope&, Location& l, void* conf) {
  if (!static_cast<ChunkedConf*>(conf)->on.get(true)) l.filters.push_back({make, conf, kOrder});
}

const Row kTable[] = {
    {"chunked_transfer_encoding",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "bodies of unknown length are sent in chunks to HTTP/1.1 clients",
     {},
     WEIR_FIELD(ChunkedConf, on),
     "on"},
};

}  // namespace

bool chunked_allowed(proxy::Transaction& txn) {
  return conf_of<ChunkedConf>(txn, kChunkedModule).on.get(true);
}

const Module kChunkedModule{"chunked", sizeof(ChunkedConf), module_create<ChunkedConf>, kTable, nullptr, compile};

}  // namespace weir::nginx
