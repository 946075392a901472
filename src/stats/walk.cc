// See stats/walk.h.
#include "stats/walk.h"

#include <algorithm>

namespace weir::stats {
namespace {

bool contains(Str text, Str part) {
  auto same = [](char a, char b) { return lower(a) == lower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace

bool Walk::wants(const ProxyEntry& p) const {
  if (p.disabled || (selection_.proxy != -1 && selection_.proxy != p.id)) return false;
  if (!contains(p.name, selection_.part)) return false;
  if (!selection_.names || selection_.names->empty()) return true;
  return std::find(selection_.names->begin(), selection_.names->end(), p.name) != selection_.names->end();
}

bool Walk::wants(const model::Server& s) const {
  if (selection_.server != -1 && selection_.server != catalogue_.of(s).id) return false;
  ServerView view(s);
  return !(selection_.hide_maint && view.maint()) && !(selection_.hide_down && !view.running());
}

Walk::Stop Walk::next() {
  switch (at_) {
    case Stop::closed:
    case Stop::end: return at_ = begin();
    case Stop::opened:
      if (proxy().front && (selection_.kinds & kFronts)) {
        line_ = front_line(proxy(), now_);
        return at_ = Stop::front;
      }
      [[fallthrough]];
    case Stop::front: return at_ = next_server(0);
    case Stop::server: return at_ = next_server(server_ + 1);
    case Stop::back: return at_ = Stop::closed;
  }
  return Stop::end;
}

Walk::Stop Walk::begin() {
  while (++proxy_ < catalogue_.proxies.size())
    if (wants(proxy())) return Stop::opened;
  proxy_--;
  return Stop::end;
}

Walk::Stop Walk::next_server(size_t from) {
  const ProxyEntry& p = proxy();
  if (!p.back) return Stop::closed;
  for (server_ = from; (selection_.kinds & kServers) && server_ < p.pool->servers.size(); server_++) {
    if (server().absent() || !wants(server())) continue;
    line_ = server_line(p, server(), catalogue_.of(server()), now_, selection_.legends);
    return Stop::server;
  }
  if (!(selection_.kinds & kBacks)) return Stop::closed;
  line_ = back_line(p, now_, selection_.legends, selection_.hide_maint || selection_.hide_down);
  return Stop::back;
}

}  // namespace weir::stats
