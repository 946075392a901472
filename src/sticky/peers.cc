// See sticky/peers.h.
#include "sticky/peers.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "base/shared_records.h"
#include "net/tls_client.h"
#include "sticky/peer_counts.h"
#include "sticky/peer_link.h"

namespace weir::sticky {

// Who speaks for the machine, by process; 0: nobody.
struct Speaker {
  std::atomic<int32_t> chosen{0};
  std::atomic<int32_t> connected{0};  // may have connections yet
  void forget(int) {}
};

namespace {

const KindOf<PeerPosition> kPositions("peer position 1");
const KindOf<Speaker> kSpeakers("peers speaker 1");

constexpr uint64_t kTick = 250;  // ms; also the longest time until another worker's changes are seen
constexpr uint64_t kGather = 1;  // ms in which changes come together
constexpr uint64_t kLearn = 5000;  // ms in which somebody must have begun to teach
constexpr uint64_t kTakeOver = 1000;  // ms that the worker before has to close its connections
constexpr uint64_t kHandOver = 5000;  // ms that a process that follows has to answer
constexpr uint64_t kHeirPause = 50;  // ms until it is tried again
constexpr uint64_t kRetry = 1000;  // ms until a peer is tried again that was not there, and as many more by chance
constexpr uint64_t kSameComplaint = 10000;  // ms
constexpr size_t kStrangers = 64;  // connections whose peers are not known yet

std::vector<Peers*>& all_running() {
  static std::vector<Peers*> all;
  return all;
}

uint64_t by_chance(uint32_t least, uint32_t most) {
  return least + arc4random_uniform(most - least);
}

// As HAProxy says after a connection that was established: both sides may have closed one at the same time.
uint64_t pause_after_loss() {
  return by_chance(50, 2050);
}

// Updates are small and leave at once.
void send_at_once(int fd, const net::Addr& addr) {
  int one = 1;
  if (addr.is_ip()) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

}  // namespace

Peers::Peers(const PeersConf& conf)
    : conf_(conf), speaker_(SharedRecords::get(kSpeakers, fmt::format("peers/{}", conf.name))) {
  for (const PeerConf& p : conf.peers) {
    auto peer = std::make_unique<Peer>();
    peer->conf = &p;
    uint32_t id = 0;
    for (const StickTable* t : conf.tables)
      peer->shares.push_back(
          {t, ++id, SharedRecords::get(kPositions, fmt::format("peers/{}/{}/{}", conf.name, p.name, t->name))});
    peers_.push_back(std::move(peer));
  }
}

const std::vector<Peers*>& Peers::running() {
  return all_running();
}

void Peers::start(proxy::Shard& shard) {
  shard_ = &shard;
  posts_to_.store(&shard);
  all_running().push_back(this);
  began_ms_ = shard.loop.now();
  speaker_->chosen.store(getpid());
  learned_ = std::all_of(conf_.tables.begin(), conf_.tables.end(), [](auto* t) { return t->news->learned(); });
  learn_until_ = began_ms_ + kLearn;
  if (std::all_of(conf_.peers.begin(), conf_.peers.end(), [](const PeerConf& p) { return p.local; })) set_learned();
  for (const StickTable* t : conf_.tables) t->news->listen(this);
  tick();
}

void Peers::drain() {
  const bool last = shard_->crew.alone && !over_ && speaker_->chosen.load() == getpid();
  give_over();
  auto local = std::find_if(peers_.begin(), peers_.end(), [](auto& p) { return p->conf->local; });
  if (!last || local == peers_.end() || (*local)->conf->addr.family == AF_UNSPEC || conf_.tables.empty()) return;
  heir_ = local->get();
  heir_until_ = shard_->loop.now() + kHandOver;
  for (const StickTable* t : conf_.tables) t->news->listen(this);
  shard_->loop.arm(tick_, kGather);
}

bool Peers::done() {
  if (!heir_) return true;
  if (!heir_knows_ || shard_->crew.connections.load() > 0) return false;
  flush();
  return !heir_->link || heir_->link->queued() == 0;
}

void Peers::end() {
  give_over();
  posts_to_.store(nullptr);
  if (!shard_) return;
  shard_->loop.disarm(tick_);
  shard_->loop.disarm(flush_);
  std::erase(all_running(), this);
}

// The tables go on without this process.
void Peers::give_over() {
  over_ = true;
  heir_ = nullptr;
  for (const StickTable* t : conf_.tables) t->news->listen(nullptr);
  for (PeerLink* link : std::vector<PeerLink*>(links_)) link->leave();
  int32_t own = getpid();
  speaker_->connected.compare_exchange_strong(own, 0);
}

void Peers::news() {
  if (proxy::Shard* shard = posts_to_.load())
    shard->post([this] {
      if ((!over_ || heir_) && !flush_.armed()) shard_->loop.arm(flush_, kGather);
    });
}

void Peers::flush() {
  for (const StickTable* t : conf_.tables) t->news->rearm();
  for (auto& p : peers_)
    if (p->link) p->link->send_some();
}

bool Peers::may_connect(uint64_t now) const {
  const int32_t before = speaker_->connected.load();
  return before == 0 || before == getpid() || now - began_ms_ >= kTakeOver || (kill(before, 0) != 0 && errno == ESRCH);
}

// Nobody listens there where the process simply ends.
void Peers::tend_heir() {
  const uint64_t now = shard_->loop.now();
  if (heir_->link) {
    heir_->link->tick();
  } else if (heir_knows_ || now >= heir_until_) {
    give_over();
  } else {
    heir_->status = 0;
    connect(*heir_);
    if (!heir_->link) heir_until_ = now;
  }
  if (heir_) {
    flush();
    shard_->loop.arm(tick_, heir_->link ? kTick : kHeirPause);
  }
  shard_->check_drained();
}

void Peers::has_learned(const Peer& peer) {
  if (heir_ != &peer) return;
  heir_knows_ = true;
  shard_->loop.arm(tick_, kGather);
}

void Peers::tick() {
  if (heir_) return tend_heir();
  if (over_ || speaker_->chosen.load() != getpid()) return give_over();
  const uint64_t now = shard_->loop.now();
  if (may_connect(now)) {
    speaker_->connected.store(getpid());
    for (auto& p : peers_)
      if (!p->conf->local && !p->link && now >= p->connect_at) connect(*p);
  }
  for (PeerLink* link : std::vector<PeerLink*>(links_)) link->tick();
  if (!learned_ && !teacher_ && now >= learn_until_) set_learned();
  choose_teacher();
  flush();
  shard_->loop.arm(tick_, kTick);
}

void Peers::connect(Peer& peer) {
  const net::Addr& addr = peer.conf->addr;
  peer.connect_at = shard_->loop.now() + by_chance(kRetry, 2 * kRetry);
  int fd = fault::socket(fault::Site::socket, addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_storage ss;
  socklen_t size = addr.to(ss);
  if (fault::connect(fault::Site::connect, fd, reinterpret_cast<sockaddr*>(&ss), size) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return;
  }
  send_at_once(fd, addr);
  auto* link = new PeerLink(shard_->loop, fd, *this, peer);
  links_.push_back(link);
  peer.link = link;
  peer.connections++;
  link->set_peer(addr);
  if (!link->start(true)) return link->leave();
  if (peer.conf->tls) {
    SSL* ssl = net::make_tls_session({peer.conf->tls, peer.conf->sni, true, true});
    if (!ssl) return link->leave();
    link->start_tls(ssl, false);
  }
  count();
}

void Peers::take(proxy::Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer) {
  if (shard.index == 0) return accept(listener, fd, peer);
  bool sent = shard.post_to(0, [this, &listener, fd, peer](proxy::Shard&) { accept(listener, fd, peer); });
  if (!sent) ::close(fd);
}

void Peers::accept(const model::Listener& listener, int fd, const net::Addr& peer) {
  const auto strangers = std::count_if(links_.begin(), links_.end(), [](auto* link) { return !link->peer(); });
  if (over_ || !shard_ || strangers >= static_cast<ptrdiff_t>(kStrangers)) {
    ::close(fd);
    return;
  }
  send_at_once(fd, peer);
  auto* link = new PeerLink(shard_->loop, fd, *this);
  links_.push_back(link);
  link->set_peer(peer);
  if (!link->start(false)) return link->leave();
  if (!listener.tls) return;
  if (SSL* ssl = SSL_new(listener.tls))
    link->start_tls(ssl, true);
  else
    link->leave();
}

bool Peers::prefers_own(Str name) const {
  return conf_.local < name &&
         std::any_of(
             peers_.begin(), peers_.end(),
             [&](auto& p) { return p->conf->name == name && p->link && p->link->awaits_status(); });
}

Peer* Peers::arrived(PeerLink& link, Str name) {
  auto found = std::find_if(peers_.begin(), peers_.end(), [&](auto& p) { return p->conf->name == name; });
  if (found == peers_.end()) return nullptr;
  Peer& peer = **found;
  if (peer.link) {
    peer.link->leave();
    peer.connect_at = shard_->loop.now() + pause_after_loss();
    peer.collisions++;
  }
  peer.link = &link;
  count();
  return &peer;
}

void Peers::opened(PeerLink& link) {
  Peer& peer = *link.peer();
  peer.status = 200;
  peer.shaken_ms = shard_->loop.now();
  peer.not_up_to_date = false;
  if (&peer == heir_) return link.teach();
  // The process of this machine that goes teaches without being asked.
  if (peer.conf->local && !learned_ && !teacher_) teacher_ = &peer;
  choose_teacher();
  count();
}

void Peers::gone(PeerLink& link) {
  Peer* peer = link.peer();
  if (!peer || peer->link != &link) return;
  peer->link = nullptr;
  const uint64_t now = shard_->loop.now();
  if (peer == heir_) {
    // This process' own socket may have taken the connection while it was closed: then it is tried again.
    const bool refused = link.refused() || (link.awaits_status() && peer->status);
    if (refused) heir_until_ = now;
    shard_->loop.arm(tick_, kHeirPause);
    return count();
  }
  if (link.open()) peer->connect_at = now + pause_after_loss();
  if (teacher_ == peer) {
    teacher_ = nullptr;
    learn_until_ = now + kLearn;
  }
  count();
}

void Peers::choose_teacher() {
  if (learned_ || teacher_) return;
  for (auto& p : peers_)
    if (p->link && p->link->open() && !p->conf->local && !p->not_up_to_date) {
      teacher_ = p.get();
      return p->link->send_some();
    }
}

void Peers::taught(Peer& peer, bool all) {
  if (teacher_ != &peer) return;
  teacher_ = nullptr;
  peer.not_up_to_date = !all;
  if (all && peer.conf->shard) {
    for (auto& p : peers_) p->not_up_to_date |= p->conf->shard == peer.conf->shard;
    all = std::none_of(peers_.begin(), peers_.end(), [](auto& p) { return p->conf->shard && !p->not_up_to_date; });
  }
  if (all) return set_learned();
  learn_until_ = shard_->loop.now() + kLearn;
  choose_teacher();
}

void Peers::set_learned() {
  learned_ = true;
  for (const StickTable* t : conf_.tables) t->news->set_learned();
}

void Peers::complain(const Peer* peer, const net::Addr& addr, Str why) {
  Arena arena;
  // Without the port, which is another one each time.
  std::string line =
      peer ? fmt::format("peers {}: peer {}: {}", conf_.name, peer->conf->name, why)
           : fmt::format("peers {}: a connection from {} is refused: {}", conf_.name, addr.ip_text(arena), why);
  const uint64_t now = shard_->loop.now();
  if (line == complaint_ && now - complained_ms_ < kSameComplaint) return;
  complained_ms_ = now;
  conf_.log(line);
  complaint_ = std::move(line);
}

void Peers::count() const {
  uint32_t active = 0, connected = 0;
  for (const Peers* one : all_running())
    for (auto& p : one->peers_) {
      active += p->link != nullptr;
      connected += p->link && p->link->open();
    }
  g_active_peers.store(active);
  g_connected_peers.store(connected);
}

}  // namespace weir::sticky
