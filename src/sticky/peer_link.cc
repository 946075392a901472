// See sticky/peer_link.h.
#include "sticky/peer_link.h"

#include <fmt/format.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace weir::sticky {
namespace {

constexpr Str kProtocol = "HAProxyS ";
constexpr size_t kLongestLine = 1024;
constexpr uint64_t kHandshake = 5000;  // ms
constexpr uint64_t kSilence = 5000;  // ms after which a peer is not there any more
constexpr uint64_t kHeartbeat = 3000;  // ms without anything else to say
constexpr uint64_t kGoodbye = 1000;  // ms for the last word to arrive
constexpr uint64_t kHalfWritten = 1000;  // ms after which a change's writer has died
constexpr size_t kBatch = 16 * 1024;
constexpr int kBatches = 8;  // before others have their turn
constexpr int kLooks = 16;  // parts of a table that are looked at for one batch

enum Status : uint16_t { kSuccess = 200, kProtocolError = 501, kBadVersion = 502, kNotMe = 503, kStranger = 504 };

// What somebody else has sent, for a log.
std::string printable(Str text) {
  constexpr size_t kMost = 64;
  std::string out(text.substr(0, kMost));
  std::replace_if(out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

int32_t ahead(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b);
}

}  // namespace

PeerLink::PeerLink(net::Loop& loop, int fd, Peers& owner)
    : Conn(loop, fd), owner_(owner), state_(State::version), incoming_(true) {
  arm(kHandshake);
}

PeerLink::PeerLink(net::Loop& loop, int fd, Peers& owner, Peer& peer)
    : Conn(loop, fd), owner_(owner), peer_(&peer), state_(State::connecting), incoming_(false), old_(peer.old) {
  arm(kHandshake);
}

PeerLink::~PeerLink() {
  owner_.destroyed(*this);
}

// --- the connection ---

void PeerLink::on_connected() {
  if (incoming_) return;
  state_ = State::status;
  std::string hello =
      fmt::format("{}2.{}\n{}\n{} {} 1\n", kProtocol, old_ ? 0 : 1, peer_->conf->name, owner_.conf().local, getpid());
  write(hello);
}

void PeerLink::on_readable() {
  size_t got = 0;
  Io io = Io::ok;
  for (int i = 0; i < kBatches && (io = read(loop().read_buffer(), net::Loop::kReadBuffer, got)) == Io::ok; i++) {
    if (state_ == State::closing) continue;
    waiting_.append(loop().read_buffer(), got);
    bool good = true;
    if (state_ != State::open) good = state_ == State::status ? take_status() : take_hello();
    if (good && state_ == State::open) good = take_messages();
    if (closed()) return;
    if (!good) waiting_.clear();
  }
  if (io == Io::ok) return read_soon();
  if (io != Io::again) return lost();
  send_some();
}

void PeerLink::on_broken() {
  lost();
}

void PeerLink::on_timer() {
  lost();
}

void PeerLink::lost() {
  if (closed()) return;
  owner_.gone(*this);
  state_ = State::closing;
  close();
}

void PeerLink::leave() {
  lost();
}

void PeerLink::say_goodbye(Str last) {
  owner_.gone(*this);
  state_ = State::closing;
  peer_ = nullptr;
  arm(kGoodbye);
  if (last.empty() || write(last)) shutdown_write();
}

bool PeerLink::refuse(uint16_t status, Str why) {
  owner_.complain(nullptr, net::Conn::peer(), why);
  say_goodbye(fmt::format("{}\n", status));
  return false;
}

bool PeerLink::fail(PeerError error, Str why) {
  peer_->mistakes++;
  owner_.complain(peer_, net::Conn::peer(), why);
  std::string last;
  put_error(last, error);
  say_goodbye(last);
  return false;
}

void PeerLink::tick() {
  if (state_ != State::open) return;
  const uint64_t now = loop().now();
  if (now - got_ms_ >= kSilence) {
    peer_->silences++;
    owner_.complain(peer_, net::Conn::peer(), "it is silent, the connection is closed");
    return lost();
  }
  if (now - sent_ms_ < kHeartbeat || queued()) return;
  beats_ = true;
  send_some();
}

// --- who they are ---

bool PeerLink::take_line(Str& line) {
  const size_t end = waiting_.find('\n');
  if (end == std::string::npos) return false;
  line = Str(waiting_).substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

bool PeerLink::take_hello() {
  Str line;
  while (state_ != State::open && take_line(line)) {
    if (state_ == State::version) {
      if (!line.starts_with(kProtocol)) return refuse(kProtocolError, "it does not speak the peers protocol");
      const Str version = line.substr(kProtocol.size());
      if (version != "2.0" && version != "2.1") return refuse(kBadVersion, "it speaks another version of the protocol");
      old_ = version == "2.0";
      state_ = State::host;
    } else if (state_ == State::host) {
      if (line != owner_.conf().local)
        return refuse(kNotMe, fmt::format("it looks for '{}', this is '{}'", printable(line), owner_.conf().local));
      state_ = State::name;
    } else {
      const size_t blank = line.find(' ');
      if (blank == Str::npos) return refuse(kProtocolError, "it does not say who it is");
      const Str name = line.substr(0, blank);
      // Both sides may have connected at the same time, and each may have closed its connection for the other's.
      if (rdhup() || owner_.prefers_own(name)) return lost(), false;
      peer_ = owner_.arrived(*this, name);
      if (!peer_) return refuse(kStranger, fmt::format("'{}' is no peer of this section", printable(name)));
      peer_->old = old_;
      if (!write(fmt::format("{}\n", +kSuccess))) return false;
      begin();
    }
    waiting_.erase(0, waiting_.find('\n') + 1);
  }
  if (state_ != State::open && waiting_.size() > kLongestLine)
    return refuse(kProtocolError, "its greeting is too long");
  return true;
}

bool PeerLink::take_status() {
  Str line;
  if (!take_line(line)) {
    if (waiting_.size() <= kLongestLine) return true;
    owner_.complain(peer_, net::Conn::peer(), "it does not speak the peers protocol");
    say_goodbye({});
    return false;
  }
  const uint64_t status = parse_u64(line).value_or(0);
  peer_->status = static_cast<uint16_t>(std::min<uint64_t>(status, UINT16_MAX));
  peer_->shaken_ms = loop().now();
  if (status != kSuccess) {
    owner_.complain(peer_, net::Conn::peer(), fmt::format("it refuses with status {}", status));
    peer_->old |= status == kBadVersion;
    say_goodbye({});
    return false;
  }
  waiting_.erase(0, waiting_.find('\n') + 1);
  begin();
  return true;
}

void PeerLink::begin() {
  state_ = State::open;
  disarm();
  sent_ms_ = got_ms_ = loop().now();
  for (PeerShare& s : peer_->shares) {
    const bool same = s.position->known.load() >> 32 == s.table->news->life();
    if (!same) s.set_known(0);
    s.at = s.known();
    s.walking = s.defined = false;
    s.number = s.got = s.acknowledged = 0;
  }
  owner_.opened(*this);
}

// --- what it says ---

bool PeerLink::take_messages() {
  Str rest = waiting_;
  for (;;) {
    PeerMessage message;
    switch (next_peer_message(rest, message)) {
      case PeerFramed::more: waiting_.erase(0, waiting_.size() - rest.size()); return true;
      case PeerFramed::malformed: return fail(PeerError::protocol, "it sends something that is no message");
      case PeerFramed::too_long: return fail(PeerError::size_limit, "it sends a message that is too long");
      case PeerFramed::message: break;
    }
    got_ms_ = loop().now();
    if (!take_message(message)) return false;
    rest.remove_prefix(message.used);
  }
}

bool PeerLink::take_message(const PeerMessage& message) {
  if (message.category == static_cast<uint8_t>(PeerClass::table)) return take_table_message(message);
  if (message.category == static_cast<uint8_t>(PeerClass::control)) return take_control(message.type);
  if (message.category != static_cast<uint8_t>(PeerClass::error)) return true;  // of a later version
  owner_.complain(peer_, net::Conn::peer(),
                  message.type == static_cast<uint8_t>(PeerError::size_limit) ? "it says that a message is too long"
                                                                              : "it says that a message is malformed");
  lost();
  return false;
}

bool PeerLink::take_control(uint8_t type) {
  switch (static_cast<PeerControl>(type)) {
    case PeerControl::resync_request: teach(); break;
    case PeerControl::resync_finished:
    case PeerControl::resync_partial:
      confirms_++;
      asked_ = false;
      owner_.taught(*peer_, static_cast<PeerControl>(type) == PeerControl::resync_finished);
      break;
    case PeerControl::resync_confirmed: end_teaching(); break;
    case PeerControl::heartbeat: peer_->got_heartbeats++; break;
  }
  return true;
}

bool PeerLink::take_table_message(const PeerMessage& message) {
  const auto type = static_cast<PeerTable>(message.type);
  switch (type) {
    case PeerTable::definition: return take_definition(message.body);
    case PeerTable::change: {
      PeerReader in(message.body);
      const uint64_t id = in.number();
      if (in.bad()) return fail(PeerError::protocol, "it changes to no table");
      remote_ = nullptr;
      for (PeerShare& s : peer_->shares)
        if (s.defined && s.remote.id == id) remote_ = &s;
      return true;
    }
    case PeerTable::acknowledgement: return take_acknowledgement(message.body);
    case PeerTable::update:
    case PeerTable::incremental:
    case PeerTable::timed_update:
    case PeerTable::timed_incremental: return take_update_message(type, message.body);
  }
  return true;
}

bool PeerLink::take_definition(Str body) {
  PeerDefinition definition;
  if (!read_definition(body, definition)) return fail(PeerError::protocol, "its definition of a table is malformed");
  remote_ = nullptr;
  PeerShare* named = nullptr;
  for (PeerShare& s : peer_->shares) {
    if (s.defined && s.remote.id == definition.id) s.defined = false;
    if (s.table->shared_name == definition.name) named = &s;
  }
  if (!named || !fits(definition, *named->table)) {
    if (!std::exchange(complained_, true))
      owner_.complain(peer_, net::Conn::peer(),
                      named ? fmt::format("its table '{}' has other keys, it is not taken", printable(definition.name))
                            : fmt::format("its table '{}' is not known here", printable(definition.name)));
    return true;
  }
  definition.name = named->table->shared_name;
  named->remote = definition;
  named->defined = true;
  remote_ = named;
  return true;
}

bool PeerLink::take_update_message(PeerTable type, Str body) {
  if (!remote_) return true;  // of a table that is not shared
  const bool timed = type == PeerTable::timed_update || type == PeerTable::timed_incremental;
  PeerUpdate update;
  update.numbered = type == PeerTable::update || type == PeerTable::timed_update;
  update.timed = timed;
  update.number = remote_->number + 1;
  if (!take_update(body, update, remote_->remote, *remote_->table, loop().now(), received_))
    return fail(PeerError::protocol, "its update of an entry is malformed");
  remote_->number = update.number;
  if (!owner_.is_teacher(*peer_)) remote_->got = update.number;
  return true;
}

bool PeerLink::take_acknowledgement(Str body) {
  if (teaching_ != Teaching::no) return true;
  PeerReader in(body);
  const uint64_t id = in.number();
  const uint32_t number = in.u32();
  if (in.bad()) return fail(PeerError::protocol, "its acknowledgement is malformed");
  for (PeerShare& s : peer_->shares)
    if (s.id == id && ahead(number, s.known()) > 0 && ahead(s.at, number) >= 0) s.set_known(number);
  return true;
}

void PeerLink::teach() {
  teaching_ = Teaching::walking;
  for (PeerShare& s : peer_->shares) {
    s.at = s.table->news->skip();
    s.walking = true;
    s.walk = 0;
  }
}

void PeerLink::end_teaching() {
  if (teaching_ != Teaching::told) return;
  teaching_ = Teaching::no;
  for (PeerShare& s : peer_->shares) s.set_known(s.at);
  owner_.has_learned(*peer_);
}

// --- what it is told ---

void PeerLink::send_some() {
  std::string out;
  bool more = true;
  for (int i = 0; more && state_ == State::open && !closed() && !broken() && !queued(); i++) {
    if (i == kBatches) return read_soon();
    out.clear();
    more = gather(out);
    if (out.empty()) continue;
    sent_ms_ = loop().now();
    beats_ = false;
    if (!write(out)) return;  // on_broken() follows
  }
}

// What fits a batch; whether there may be more.
bool PeerLink::gather(std::string& out) {
  const bool learns = owner_.is_teacher(*peer_);
  if (learns && !asked_ && !peer_->conf->local) {
    put_control(out, PeerControl::resync_request);
    asked_ = true;
  }
  std::vector<PeerShare>& shares = peer_->shares;
  bool more = false;
  for (size_t i = 0; i < shares.size() && !more; i++) {
    PeerShare& s = shares[(turn_ + i) % shares.size()];
    if (s.defined && s.got != s.acknowledged) {
      put_acknowledgement(out, s.remote.id, s.got);
      s.acknowledged = s.got;
    }
    if (teaching_ == Teaching::walking ? s.walking : teaching_ == Teaching::no && !learns) more = gather_share(s, out);
    if (more) turn_ = (turn_ + i) % shares.size();
  }
  if (more) return true;
  if (teaching_ == Teaching::walking) {
    put_control(out, owner_.up_to_date() ? PeerControl::resync_finished : PeerControl::resync_partial);
    teaching_ = Teaching::told;
  }
  for (; confirms_; confirms_--) put_control(out, PeerControl::resync_confirmed);
  if (beats_ && out.empty()) {
    put_control(out, PeerControl::heartbeat);
    peer_->sent_heartbeats++;
  }
  return false;
}

bool PeerLink::gather_share(PeerShare& s, std::string& out) {
  TableNews& news = *s.table->news;
  if (s.walking && gather_walk(s, out)) return true;
  if (teaching_ == Teaching::walking) return false;
  while (out.size() < kBatch) {
    uint32_t entry = 0;
    switch (news.next(s.at, entry)) {
      case TableNews::Next::none: return false;
      case TableNews::Next::entry:
        s.unfinished_ms = 0;
        s.table->table.with_entry(entry, loop().now(), [&](Table::Entry& e) { tell(s, e, out); });
        break;
      case TableNews::Next::lost:
        s.at = news.skip();
        s.walking = true;
        s.walk = 0;
        return true;
      case TableNews::Next::unfinished:
        if (!s.unfinished_ms) s.unfinished_ms = loop().now();
        if (loop().now() - s.unfinished_ms < kHalfWritten) return false;
        s.unfinished_ms = 0;
        s.at++;
        break;
    }
  }
  return true;
}

// Through the whole table; true while it is not at its end.
bool PeerLink::gather_walk(PeerShare& s, std::string& out) {
  const Table& table = s.table->table;
  for (int looks = 0; s.walk < table.slots(); looks++) {
    if (out.size() >= kBatch || looks == kLooks) return true;
    s.walk = s.table->table.walk(s.walk, loop().now(), [&](Table::Entry& e) {
      tell(s, e, out);
      return out.size() < kBatch;
    });
  }
  s.walking = false;
  return false;
}

// Under the entry's lock.
void PeerLink::tell(PeerShare& s, Table::Entry& entry, std::string& out) {
  if (!wants(s, entry)) return;
  if (std::exchange(told_, &s) != &s) put_definition(out, s.id, *s.table);
  // Always with its number: HAProxy's acknowledgements of updates without one say something else.
  put_update(out, {s.at, true, !old_}, *s.table, entry, loop().now(), sent_);
}

bool PeerLink::wants(const PeerShare& s, const Table::Entry& entry) const {
  const uint32_t shards = owner_.conf().shards, wanted = peer_->conf->shard;
  if (!shards || !wanted) return true;
  const Str key = s.table->table.key(entry);
  const uint64_t seed = XXH64(s.table->name.data(), s.table->name.size(), 0);
  return XXH64(key.data(), key.size(), seed) % shards + 1 == wanted;
}

}  // namespace weir::sticky
