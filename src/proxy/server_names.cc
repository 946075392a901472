// See proxy/server_names.h.
#include "proxy/server_names.h"

#include <algorithm>
#include <map>

#include "proxy/shard.h"
#include "stats/server_change.h"

namespace weir::proxy {

using net::Addr;
using net::DnsStatus;

namespace {
const Addr kNowhere;
}

// The servers of one name.
class ServerNames::Watch final : public Timer {
 public:
  Watch(ServerNames& all, const ServerName& name, std::string host)
      : all_(all), name_(name), host_(std::move(host)), alive_(std::make_shared<Watch*>(this)) {
    good_ms_ = all.shard_.loop.now();
  }
  ~Watch() {
    *alive_ = nullptr;
    all_.shard_.loop.disarm(*this);
  }
  void add(const model::Server& s) { servers_.push_back({&s, all_.shard_.loop.now()}); }
  void remove(const model::Server& s) {
    std::erase_if(servers_, [&](const Place& p) { return p.server == &s; });
  }
  void ask() {
    name_.names->ask(
        all_.shard_, host_,
        [alive = alive_](const FoundPtr& found) {
          if (*alive) (*alive)->take(*found);
        },
        name_.services ? Names::What::services : Names::What::addresses);
  }

 private:
  struct Place {
    const model::Server* server;
    uint64_t seen_ms;  // when its address was last among the others
  };

  // What one server may get.
  struct Target {
    Addr addr;
    int32_t weight = 0;  // 0: as it is
    uint16_t priority = 0;
  };

  void on_timer() override { ask(); }
  void take(const Found& found) {
    fresh_.clear();
    until_ms_ = found.until_ms;
    if (found.status != DnsStatus::ok) return give_up(found.status);
    if (name_.services) return find_hosts(found);
    for (const net::DnsRecord& r : found.records) add(r.addr, name_.port, {});
    finish();
  }

  // What was known counts for a while.
  void give_up(DnsStatus why) {
    if (all_.shard_.loop.now() - good_ms_ >= hold(why))
      for (const Place& p : servers_) all_.move(*p.server, nullptr, why);
    rest(name_.retry_ms);
  }

  // The same service may be there several times, each with its own servers.
  void add(Addr addr, uint16_t port, const net::DnsRecord& service) {
    addr.port = port;
    for (const Target& t : fresh_)
      if (t.addr == addr && !name_.by_priority) return;
    const int weight = std::max(1, (service.weight * name_.weights + 65534) / 65535);
    fresh_.push_back({addr, name_.services ? weight : 0, service.priority});
  }

  // The addresses of the hosts that services are on.
  void find_hosts(const Found& found) {
    open_ = found.records.size();
    lost_ = DnsStatus::ok;
    const uint32_t round = ++round_;
    for (const net::DnsRecord& r : found.records)
      name_.names->ask(all_.shard_, r.target, [alive = alive_, r, round](const FoundPtr& hosts) {
        if (*alive && (*alive)->round_ == round) (*alive)->take_host(r, *hosts);
      });
  }
  void take_host(const net::DnsRecord& service, const Found& hosts) {
    if (hosts.status == DnsStatus::ok)
      until_ms_ = std::min(until_ms_, hosts.until_ms);
    else if (lost_ != DnsStatus::no_such_name)
      lost_ = hosts.status;
    for (const net::DnsRecord& r : hosts.records) add(r.addr, service.port, service);
    if (--open_ > 0) return;
    if (fresh_.empty() && lost_ != DnsStatus::ok) return give_up(lost_);
    finish();
  }

  void finish() {
    const uint64_t now = all_.shard_.loop.now();
    if (!fresh_.empty()) good_ms_ = now;
    std::stable_sort(fresh_.begin(), fresh_.end(),
                     [&](const Target& a, const Target& b) { return rank(a.addr) < rank(b.addr); });
    size_t left_out = 0;
    if (!name_.by_priority) {
      left_out = spread(fresh_, now, [](const model::Server&) { return true; });
    } else {
      uint16_t best = UINT16_MAX;
      for (const Target& t : fresh_) best = std::min(best, t.priority);
      auto middle =
          std::stable_partition(fresh_.begin(), fresh_.end(), [&](const Target& t) { return t.priority == best; });
      left_out = spread({fresh_.begin(), middle}, now, [](const model::Server& s) { return !s.backup; }) +
                 spread({middle, fresh_.end()}, now, [](const model::Server& s) { return s.backup; });
    }
    tell(left_out);
    rest(until_ms_ - std::min(until_ms_, now) + 1);
  }

  void rest(uint64_t ms) { all_.shard_.loop.arm(*this, std::max<uint64_t>(name_.every_ms ? name_.every_ms : ms, 1)); }

  uint32_t hold(DnsStatus status) const {
    switch (status) {
      case DnsStatus::no_such_name:
      case DnsStatus::no_data: return name_.holds.no_such_name;
      case DnsStatus::refused: return name_.holds.refused;
      case DnsStatus::timeout:
      case DnsStatus::unreachable: return name_.holds.timeout;
      default: return name_.holds.other;
    }
  }

  // The better an address is, the smaller.
  int rank(const Addr& a) const {
    const bool near =
        std::any_of(name_.nets.begin(), name_.nets.end(), [&](const net::Cidr& c) { return c.contains(a); });
    return (near ? 0 : 2) + (name_.prefer != AF_UNSPEC && a.family != name_.prefer ? 1 : 0);
  }

  void tell(size_t left_out) {
    const size_t used = fresh_.size() - left_out;
    if (left_out && name_.exceeds && (left_out != left_out_ || used != used_))
      name_.exceeds(*servers_.front().server->pool, name_.host, fresh_.size(), used);
    left_out_ = left_out;
    used_ = used;
  }

  // Who has one of the addresses keeps it; the others get those that are left, the best first. How many nobody got.
  template <class Takes>
  size_t spread(const std::vector<Target>& targets, uint64_t now, Takes takes) {
    std::vector<const Target*> left;
    for (const Target& t : targets) left.push_back(&t);
    std::vector<Place*> without;
    for (Place& p : servers_) {
      if (!takes(*p.server)) continue;
      const Addr own = p.server->without_address() ? kNowhere : p.server->address();
      auto is_own = [&](const Target& t) { return t.addr == own; };
      auto it = std::find_if(left.begin(), left.end(), [&](const Target* t) { return is_own(*t); });
      auto shared = std::find_if(targets.begin(), targets.end(), is_own);
      if (it != left.end()) {
        keep(p, **it, now);
        left.erase(it);
      } else if (name_.duplicates && shared != targets.end()) {
        keep(p, *shared, now);
      } else {
        without.push_back(&p);
      }
    }
    size_t next = 0;
    for (Place* p : without) {
      const bool shares = next >= left.size() && name_.duplicates && !targets.empty();
      if (next < left.size() || shares) {
        keep(*p, shares ? targets[next % targets.size()] : *left[next], now);
        next++;
      } else if (p->server->without_address() || now - p->seen_ms >= name_.holds.obsolete) {
        all_.move(*p->server, nullptr, DnsStatus::no_data);
      }
    }
    return left.size() - std::min(next, left.size());
  }

  void keep(Place& p, const Target& t, uint64_t now) {
    p.seen_ms = now;
    model::ServerState& state = *p.server->state;
    if (t.weight && state.weight.exchange(t.weight) != t.weight) model::state_changed(*p.server);
    all_.move(*p.server, &t.addr);
  }

  ServerNames& all_;
  const ServerName& name_;
  const std::string host_;
  std::vector<Place> servers_;
  uint64_t good_ms_;
  uint64_t until_ms_ = 0;  // as long as what is known now is good
  std::vector<Target> fresh_;
  size_t open_ = 0;  // hosts that are being looked up
  DnsStatus lost_ = DnsStatus::ok;  // of those that were not found
  uint32_t round_ = 0;
  size_t left_out_ = 0;  // addresses without a server, and with one, as they were last told
  size_t used_ = 0;
  std::shared_ptr<Watch*> alive_;
};

bool ServerNames::Less::operator()(const Addr& a, const Addr& b) const {
  return a.text() < b.text();
}

ServerNames::ServerNames(Shard& shard) : shard_(shard) {
  std::map<const ServerName*, Watch*> known;
  for (const model::Server* s : shard.model.servers) {
    if (!s->follows || s->follows->host.empty()) continue;
    Watch*& watch = known[s->follows];
    if (!watch) {
      watches_.push_back(std::make_unique<Watch>(*this, *s->follows, std::string(s->follows->host)));
      watch = watches_.back().get();
    }
    watch->add(*s);
  }
  for (auto& watch : watches_) watch->ask();
}

ServerNames::~ServerNames() = default;

void ServerNames::rename(const model::Server& server, const std::string& host) {
  if (!server.follows) return;
  for (auto& watch : watches_) watch->remove(server);
  watches_.push_back(std::make_unique<Watch>(*this, *server.follows, host));
  watches_.back()->add(server);
  watches_.back()->ask();
}

// Null: it has no address any more.
void ServerNames::move(const model::Server& server, const Addr* to, DnsStatus why) {
  const bool without = server.without_address();
  if (to ? server.address() == *to && !without : without) return;
  if (without == (to != nullptr) && server.follows->moving)
    server.follows->moving(server, why, [&] { set_address(server, to); });
  else
    set_address(server, to);
}

void ServerNames::set_address(const model::Server& server, const Addr* to) {
  stats::set_place(server, [&] {
    server.local->addr.store(to ? &*addresses_.insert(*to).first : &kNowhere, std::memory_order_release);
    if (to)
      server.state->moved.set(*to);
    else
      server.state->moved.clear();
  });
  for (int i = 0; i < shard_.count; i++) {
    auto follow = [&server](Shard& shard) {
      shard.upstreams.close_idle(server);
      shard.queue.place_free(*server.pool);
    };
    if (i == shard_.index)
      follow(shard_);
    else
      shard_.post_to(i, follow);
  }
}

}  // namespace weir::proxy
