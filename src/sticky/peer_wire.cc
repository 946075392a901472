// See sticky/peer_wire.h.
#include "sticky/peer_wire.h"

#include <arpa/inet.h>
#include <string.h>

#include <algorithm>

namespace weir::sticky {
namespace {

constexpr uint64_t kOneByte = 0xf0;  // smaller integers take one
constexpr uint64_t kMore = 0x80;  // a byte of an integer with others behind it
constexpr size_t kLongestNumber = 10;
constexpr uint8_t kVariable = 0x80;  // types of messages that have a length

// The types of keys as peers number them.
enum WireType : uint64_t { kInteger = 2, kIpv4 = 4, kIpv6 = 5, kString = 6, kBinary = 7 };

uint64_t wire_type(const StickTable& t) {
  switch (t.type) {
    case expr::Type::integer: return kInteger;
    case expr::Type::ipv4: return kIpv4;
    case expr::Type::ipv6: return kIpv6;
    case expr::Type::string: return kString;
    default: return kBinary;
  }
}

// HAProxy counts the byte that ends a text.
uint64_t wire_key_size(const StickTable& t) {
  return t.key_size + (t.type == expr::Type::string ? 1 : 0);
}

// What a table may take over that copies another's: nothing that is added to.
bool is_copied(Datum d) {
  return d == Datum::server_id || d == Datum::gpt0 || d == Datum::server_key || d == Datum::gpt;
}

bool announces(uint64_t data, size_t datum) {
  return data >> datum & 1;
}

void put_message(std::string& out, PeerTable type, Str body) {
  out += static_cast<char>(PeerClass::table);
  out += static_cast<char>(type);
  put_number(out, body.size());
  out.append(body);
}

Str read_key(PeerReader& in, const StickTable& table, std::string& room) {
  if (table.type == expr::Type::string) {
    const Str text = in.bytes(in.number());
    return text.substr(0, std::min<size_t>(table.key_size, text.find('\0')));
  }
  if (table.type != expr::Type::integer) return in.bytes(table.key_size);
  const uint32_t number = in.u32();
  room.assign(reinterpret_cast<const char*>(&number), sizeof number);
  return room;
}

void put_key(std::string& out, const StickTable& table, Str key) {
  if (table.type == expr::Type::string) {
    put_number(out, key.size());
    out.append(key);
  } else if (table.type == expr::Type::integer) {
    uint32_t number = 0;
    memcpy(&number, key.data(), std::min(key.size(), sizeof number));
    put_u32(out, number);
  } else {
    out.append(key);
  }
}

void put_text(std::string& out, Str text, PeerTexts& sent) {
  if (text.empty()) return put_number(out, 0);
  bool fresh = false;
  std::string inner;
  put_number(inner, sent.number_of(text, fresh));
  if (fresh) {
    put_number(inner, text.size());
    inner.append(text);
  }
  put_number(out, inner.size());
  out += inner;
}

// Reads the data of one update. Without an entry it is only checked.
struct DataReader {
  PeerReader& in;
  const PeerDefinition& definition;
  const StickTable& table;
  Table::Entry* entry;
  bool copy;  // into the table that copies
  uint64_t now_ms;
  PeerTexts& texts;
  bool good = true;

  bool read() {
    for (size_t i = 0; i < kData && !in.bad(); i++) {
      if (!announces(definition.data, i)) continue;
      const auto d = static_cast<Datum>(i);
      const DatumInfo& info = info_of(d);
      const uint64_t count = info.array ? definition.counts[i] : 1;
      for (uint64_t n = 0; n < count && !in.bad(); n++) read_one(d, info.kind, n);
    }
    return !in.bad() && good;
  }

 private:
  bool keeps(Datum d, uint64_t index) const {
    return entry && (!copy || is_copied(d)) && table.has(d) && index < table.store(d).count;
  }
  void read_one(Datum d, DatumKind kind, uint64_t index) {
    const auto at = static_cast<uint32_t>(index);
    if (kind == DatumKind::text) return read_text(d);
    const uint64_t first = in.number();
    if (kind == DatumKind::number) {
      if (!in.bad() && keeps(d, index)) table.set(*entry, d, at, now_ms, first);
    } else if (kind == DatumKind::current) {
      if (!in.bad() && keeps(d, index) && table.recv_only) entry->current.set_by_others(first);
    } else {
      const uint64_t running = in.number(), before = in.number();
      if (in.bad() || !keeps(d, index)) return;
      // A period that has begun a moment later than the peer's clock says now is told as one that wraps around.
      const auto told = static_cast<int32_t>(static_cast<uint32_t>(first));
      const uint64_t age = std::min<uint64_t>(told < 0 ? 0 : static_cast<uint32_t>(told), now_ms);
      table.rate(*entry, d, at) = {now_ms - age, static_cast<uint32_t>(running), static_cast<uint32_t>(before)};
    }
  }
  void read_text(Datum d) {
    const uint64_t size = in.number();
    if (!size) return;
    PeerReader inner(in.bytes(size));
    const uint64_t number = inner.number();
    good &= !inner.bad() && number >= 1 && number <= PeerTexts::kMost;
    if (!good || in.bad()) return;
    if (!inner.done()) {
      const Str text = inner.bytes(inner.number());
      good &= !inner.bad();
      if (!good) return;
      texts.set(number, text);
    }
    if (keeps(d, 0)) table.text(*entry, d).set(texts.text(number));
  }
};

struct Life {
  bool known;
  uint64_t left_ms;

  uint64_t until(const StickTable& table, uint64_t now_ms) const {
    if (!table.expire_ms) return 0;
    return now_ms + (known ? std::min<uint64_t>(left_ms, table.expire_ms) : table.expire_ms);
  }
};

void apply(Str key, Str data, const Life& life, const PeerDefinition& definition, const StickTable& table, bool copy,
           uint64_t now_ms, PeerTexts& texts) {
  Table::Guard guard(table.table, key);
  Table::Entry* e = guard.find(now_ms);
  if (!e) e = guard.add(now_ms, !table.nopurge);
  if (!e) return;
  PeerReader in(data);
  DataReader{in, definition, table, e, copy, now_ms, texts}.read();
  guard.live_until(*e, life.until(table, now_ms));
}

}  // namespace

void put_number(std::string& out, uint64_t n) {
  if (n < kOneByte) {
    out += static_cast<char>(n);
    return;
  }
  out += static_cast<char>(n | kOneByte);
  for (n = (n - kOneByte) >> 4; n >= kMore; n = (n - kMore) >> 7) out += static_cast<char>(n | kMore);
  out += static_cast<char>(n);
}

void put_u32(std::string& out, uint32_t n) {
  n = htonl(n);
  out.append(reinterpret_cast<const char*>(&n), sizeof n);
}

uint64_t PeerReader::fail() {
  bad_ = true;
  rest_ = {};
  return 0;
}

uint64_t PeerReader::number() {
  if (rest_.empty()) return fail();
  uint64_t n = static_cast<unsigned char>(rest_[0]);
  size_t used = 1;
  if (n >= kOneByte) {
    for (unsigned shift = 4;; shift += 7) {
      if (used == rest_.size() || used == kLongestNumber) return fail();
      const uint64_t byte = static_cast<unsigned char>(rest_[used++]);
      const uint64_t more = byte << shift;
      if (more >> shift != byte || n + more < n) return fail();
      n += more;
      if (byte < kMore) break;
    }
  }
  rest_.remove_prefix(used);
  return n;
}

uint32_t PeerReader::u32() {
  const Str four = bytes(sizeof(uint32_t));
  uint32_t n = 0;
  if (!bad_) memcpy(&n, four.data(), sizeof n);
  return ntohl(n);
}

Str PeerReader::bytes(uint64_t n) {
  if (n > rest_.size()) fail();
  if (bad_) return {};
  const Str out = rest_.substr(0, n);
  rest_.remove_prefix(n);
  return out;
}

PeerFramed next_peer_message(Str in, PeerMessage& out) {
  if (in.size() < 2) return PeerFramed::more;
  out.category = static_cast<uint8_t>(in[0]);
  out.type = static_cast<uint8_t>(in[1]);
  if (out.category == static_cast<uint8_t>(PeerClass::reserved)) return PeerFramed::malformed;
  out.body = {};
  out.used = 2;
  if (!(out.type & kVariable)) return PeerFramed::message;
  // A length that fits takes five bytes at most.
  constexpr size_t kLongestLength = 5;
  PeerReader reader(in.substr(2, kLongestLength));
  const uint64_t length = reader.number();
  if (reader.bad()) return in.size() < 2 + kLongestLength ? PeerFramed::more : PeerFramed::malformed;
  if (length > kLongestPeerMessage) return PeerFramed::too_long;
  out.used += std::min(in.size() - 2, kLongestLength) - reader.rest().size();
  if (in.size() - out.used < length) return PeerFramed::more;
  out.body = in.substr(out.used, length);
  out.used += length;
  return PeerFramed::message;
}

void put_control(std::string& out, PeerControl type) {
  out += static_cast<char>(PeerClass::control);
  out += static_cast<char>(type);
}

void put_error(std::string& out, PeerError type) {
  out += static_cast<char>(PeerClass::error);
  out += static_cast<char>(type);
}

void put_acknowledgement(std::string& out, uint64_t table, uint32_t update) {
  std::string body;
  put_number(body, table);
  put_u32(body, update);
  put_message(out, PeerTable::acknowledgement, body);
}

bool read_definition(Str body, PeerDefinition& out) {
  PeerReader in(body);
  out.id = in.number();
  out.name = in.bytes(in.number());
  out.type = in.number();
  out.key_size = in.number();
  out.data = in.number();
  if (in.bad() || out.name.empty()) return false;
  // Peers of old versions say no more than that, others how long entries live and what rates and arrays are like.
  in.number();
  const bool says_more = !in.bad();
  for (size_t i = 0; i < kData; i++) {
    if (!announces(out.data, i)) continue;
    const DatumInfo& info = info_of(static_cast<Datum>(i));
    const bool rate = info.kind == DatumKind::rate;
    if (!info.array && (!rate || !says_more)) continue;
    const uint64_t said = in.number();
    if (info.array) out.counts[i] = in.number();
    if (rate) in.number();
    out.whole &= !in.bad() && said == i;
  }
  return true;
}

bool fits(const PeerDefinition& d, const StickTable& table) {
  return d.whole && d.type == wire_type(table) && d.key_size == wire_key_size(table);
}

void put_definition(std::string& out, uint64_t id, const StickTable& table) {
  std::string body, parameters;
  uint64_t data = 0;
  for (size_t i = 0; i < kData; i++) {
    const auto d = static_cast<Datum>(i);
    if (!table.has(d)) continue;
    data |= uint64_t{1} << i;
    const bool rate = info_of(d).kind == DatumKind::rate;
    if (!rate && !info_of(d).array) continue;
    put_number(parameters, i);
    if (info_of(d).array) put_number(parameters, table.store(d).count);
    if (rate) put_number(parameters, table.store(d).period_ms);
  }
  put_number(body, id);
  put_number(body, table.shared_name.size());
  body.append(table.shared_name);
  put_number(body, wire_type(table));
  put_number(body, wire_key_size(table));
  put_number(body, data);
  put_number(body, table.expire_ms);
  put_message(out, PeerTable::definition, body + parameters);
}

uint32_t PeerTexts::number_of(Str text, bool& fresh) {
  const auto known = std::find(texts_.begin(), texts_.end(), text);
  fresh = known == texts_.end();
  if (!fresh) return static_cast<uint32_t>(known - texts_.begin()) + 1;
  texts_[next_] = text;
  const uint32_t number = next_ + 1;
  next_ = (next_ + 1) % kMost;
  return number;
}

void put_update(std::string& out, const PeerUpdate& update, const StickTable& table, Table::Entry& entry,
                uint64_t now_ms, PeerTexts& sent) {
  std::string body;
  if (update.numbered) put_u32(body, update.number);
  if (update.timed)
    put_u32(body, entry.expires_ms > now_ms
                      ? static_cast<uint32_t>(std::min<uint64_t>(entry.expires_ms - now_ms, INT32_MAX))
                      : 0);
  put_key(body, table, table.table.key(entry));
  for (size_t i = 0; i < kData; i++) {
    const auto d = static_cast<Datum>(i);
    if (!table.has(d)) continue;
    const DatumKind kind = info_of(d).kind;
    for (uint32_t n = 0; n < table.store(d).count; n++) {
      if (kind == DatumKind::text) {
        put_text(body, table.text(entry, d).str(), sent);
      } else if (kind != DatumKind::rate) {
        put_number(body, table.value(entry, d, n, now_ms));
      } else {
        const PeriodRate& rate = table.rate(entry, d, n);
        put_number(body, std::min<uint64_t>(now_ms - std::min(now_ms, rate.begun_ms), INT32_MAX));
        put_number(body, rate.running);
        put_number(body, rate.before);
      }
    }
  }
  if (body.size() > kLongestPeerMessage) return;  // nobody would take it
  const bool numbered = update.numbered;
  put_message(out,
              update.timed ? (numbered ? PeerTable::timed_update : PeerTable::timed_incremental)
                           : (numbered ? PeerTable::update : PeerTable::incremental),
              body);
}

bool take_update(Str body, PeerUpdate& update, const PeerDefinition& definition, const StickTable& table,
                 uint64_t now_ms, PeerTexts& received) {
  PeerReader in(body);
  if (update.numbered) update.number = in.u32();
  const Life life{update.timed, update.timed ? in.u32() : 0};
  std::string room;
  const Str key = read_key(in, table, room);
  const Str data = in.rest();
  if (in.bad() || !DataReader{in, definition, table, nullptr, false, now_ms, received}.read()) return false;
  apply(key, data, life, definition, table, false, now_ms, received);
  if (table.copied_to) apply(key, data, life, definition, *table.copied_to, true, now_ms, received);
  return true;
}

}  // namespace weir::sticky
