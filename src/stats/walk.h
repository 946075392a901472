#pragma once
// Goes through what `show stat` shows, one line at a time and in the order of the file, for the runtime socket and for
// every form of the statistics page. Between two calls nothing is held but a place.
#include "stats/lines.h"

namespace weir::stats {

// Object types as bits of the second word of `show stat`.
enum Kinds : uint32_t { kFronts = 1, kBacks = 2, kServers = 4 };

struct Selection {
  bool legends = false;  // addresses, cookies and algorithms
  bool hide_maint = false;
  bool hide_down = false;
  int64_t proxy = -1;  // id; -1: all
  int64_t kinds = -1;  // Kinds
  int64_t server = -1;  // id in its backend
  const ArenaList<Str>* names = nullptr;  // only proxies of these names; null or empty: all
  Str part;  // only proxies whose name contains it, in whatever case
};

class Walk {
 public:
  enum class Stop : uint8_t { opened, front, server, back, closed, end };

  Walk(const Catalogue& catalogue, const Selection& selection, const Moment& now)
      : catalogue_(catalogue), selection_(selection), now_(now) {}

  // Goes on to the next stop: for each proxy `opened`, its lines, `closed`; at last `end`.
  Stop next();
  const ProxyEntry& proxy() const { return catalogue_.proxies[proxy_]; }
  const model::Server& server() const { return *proxy().pool->servers[server_]; }  // at Stop::server
  const Line& line() const { return line_; }  // at front, server and back

 private:
  bool wants(const ProxyEntry& p) const;
  bool wants(const model::Server& s) const;
  Stop begin();
  Stop next_server(size_t from);

  const Catalogue& catalogue_;
  const Selection& selection_;
  Moment now_;
  Stop at_ = Stop::closed;
  size_t proxy_ = SIZE_MAX;
  size_t server_ = 0;
  Line line_;
};

}  // namespace weir::stats
