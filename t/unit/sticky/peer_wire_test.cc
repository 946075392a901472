// The peers protocol as bytes: sticky/peer_wire.cc; which changes are told: sticky/table_news.cc.
#include "sticky/peer_wire.h"

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <random>

using namespace weir;
using expr::Type;
using sticky::Datum;
using sticky::PeerDefinition;
using sticky::PeerFramed;
using sticky::PeerMessage;
using sticky::PeerReader;
using sticky::PeerTexts;
using sticky::PeerUpdate;
using sticky::StickTable;
using sticky::Table;
using sticky::TableNews;

static constexpr uint64_t kNow = 1000000;

static void prepare(StickTable& t, Str name, Type type, uint32_t key_size) {
  t.name = t.shared_name = name;
  t.type = type;
  t.key_size = key_size;
  t.size = 100;
  t.expire_ms = 60000;
  t.shared = true;
}

static void store_all(StickTable& t) {
  for (size_t i = 0; i < sticky::kData; i++) {
    auto d = static_cast<Datum>(i);
    const sticky::DatumInfo& info = sticky::info_of(d);
    bool excluded =
        d == Datum::gpt0 || d == Datum::gpc0 || d == Datum::gpc1 || d == Datum::gpc0_rate || d == Datum::gpc1_rate;
    if (!excluded) t.add(d, info.array ? 3 : 1, info.kind == sticky::DatumKind::rate ? 10000 : 0);
  }
}

static void fill(StickTable& t, Str key, uint64_t seed) {
  Table::Guard guard(t.table, key);
  Table::Entry* e = guard.add(kNow);
  cr_assert(e != nullptr);
  for (size_t i = 0; i < sticky::kData; i++) {
    auto d = static_cast<Datum>(i);
    for (uint32_t n = 0; t.has(d) && n < t.store(d).count; n++) t.set(*e, d, n, kNow - 10, seed * 1000 + i * 10 + n);
  }
  if (t.has(Datum::server_key)) t.text(*e, Datum::server_key).set(fmt::format("s{}", seed));
  guard.touch(*e, kNow, 30000);
}

static std::string update_of(StickTable& t, Str key, PeerUpdate update, PeerTexts& texts) {
  std::string out;
  Table::Guard guard(t.table, key);
  put_update(out, update, t, *guard.find(kNow), kNow, texts);
  return out;
}

static PeerMessage message_in(Str bytes) {
  PeerMessage m;
  cr_assert(next_peer_message(bytes, m) == PeerFramed::message);
  cr_assert(m.used == bytes.size());
  return m;
}

static PeerDefinition definition_of(const StickTable& t, std::string& room) {
  PeerDefinition d;
  room.clear();
  put_definition(room, 7, t);
  cr_assert(read_definition(message_in(room).body, d));
  return d;
}

static size_t used(StickTable& t) {
  return t.table.used(kNow);
}

Test(peer_wire, numbers) {
  std::string out;
  sticky::put_number(out, 0x1234);
  cr_expect(out == "\xf4\x94\x01");
  for (uint64_t n : {uint64_t{0}, uint64_t{239}, uint64_t{240}, uint64_t{2287}, uint64_t{2288}, uint64_t{264431},
                     uint64_t{264432}, uint64_t{33818864}, uint64_t{4328786160}, UINT64_MAX}) {
    out.clear();
    sticky::put_number(out, n);
    PeerReader in(out);
    cr_expect(in.number() == n && in.done() && !in.bad(), "%lu", n);
    for (size_t cut = 0; cut < out.size(); cut++) {
      PeerReader part(Str(out).substr(0, cut));
      cr_expect(part.number() == 0 && part.bad());
    }
  }
  PeerReader endless(Str("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13));
  cr_expect(endless.number() == 0 && endless.bad());
  PeerReader too_big(Str("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10));
  cr_expect(too_big.number() == 0 && too_big.bad());
}

Test(peer_wire, messages) {
  PeerMessage m;
  cr_expect(next_peer_message("", m) == PeerFramed::more);
  cr_expect(next_peer_message(Str("\0", 1), m) == PeerFramed::more);
  cr_expect(next_peer_message(Str("\0\4\n", 3), m) == PeerFramed::message && m.used == 2 && m.type == 4);
  cr_expect(next_peer_message("\n\x80", m) == PeerFramed::more);
  cr_expect(next_peer_message("\n\x80\x02x", m) == PeerFramed::more);
  cr_expect(next_peer_message("\n\x80\x02xyz", m) == PeerFramed::message && m.body == "xy" && m.used == 5);
  cr_expect(next_peer_message("\n\x80\xff\xff\xff\x7f", m) == PeerFramed::too_long);
  cr_expect(next_peer_message("\n\x80\xff\xff\xff\xff", m) == PeerFramed::more);
  cr_expect(next_peer_message("\n\x80\xff\xff\xff\xff\xff", m) == PeerFramed::malformed);
  cr_expect(next_peer_message("\xff\x01", m) == PeerFramed::malformed);
}

Test(peer_wire, definitions) {
  StickTable a, b;
  prepare(a, "wd1", Type::string, 31);
  store_all(a);
  prepare(b, "wd2", Type::string, 30);
  std::string room;
  PeerDefinition d = definition_of(a, room);
  cr_expect(d.id == 7 && d.name == "wd1" && d.type == 6 && d.key_size == 32 && d.whole);
  cr_expect(d.counts[static_cast<size_t>(Datum::gpt)] == 3);
  cr_expect(fits(d, a) && !fits(d, b));
  b.key_size = 31;
  cr_expect(fits(d, b));
  b.type = Type::binary;
  cr_expect(!fits(d, b));
  const Str body = message_in(room).body;
  for (size_t cut = 0; cut < body.size(); cut++) {
    PeerDefinition part;
    cr_expect(!read_definition(body.substr(0, cut), part) || !fits(part, a) || cut > 10, "%zu", cut);
  }
}

Test(peer_wire, keys_of_all_types_and_all_data) {
  struct {
    Type type;
    uint32_t size;
    Str key;
  } kinds[] = {{Type::string, 31, "some key"},
               {Type::integer, 4, Str("\x01\x02\x03\x04", 4)},
               {Type::ipv4, 4, Str("\x7f\0\0\1", 4)},
               {Type::ipv6, 16, "0123456789abcdef"},
               {Type::binary, 8, Str("ab\0\0\xff\xf0\0\0", 8)}};
  int i = 0;
  for (auto& kind : kinds) {
    StickTable from, to;
    const std::string from_name = fmt::format("wk{}a", i), to_name = fmt::format("wk{}b", i++);
    prepare(from, from_name, kind.type, kind.size);
    prepare(to, to_name, kind.type, kind.size);
    store_all(from);
    store_all(to);
    cr_assert(from.open() && to.open());
    fill(from, kind.key, 5);
    PeerTexts sent, received;
    std::string room;
    const PeerDefinition d = definition_of(from, room);
    for (bool numbered : {true, false}) {
      const std::string bytes = update_of(from, kind.key, {77, numbered, true}, sent);
      PeerUpdate update{77, numbered, true};
      cr_assert(take_update(message_in(bytes).body, update, d, to, kNow, received));
      cr_expect(update.number == 77);
      Table::Guard guard(to.table, kind.key);
      Table::Entry* e = guard.find(kNow);
      cr_assert(e != nullptr);
      cr_expect(e->expires_ms == kNow + 30000);
      cr_expect(to.value(*e, Datum::server_id, 0, kNow) == 5000);
      cr_expect(to.value(*e, Datum::gpt, 2, kNow) == 5222);
      cr_expect(to.value(*e, Datum::gpc_rate, 1, kNow) == 5241);
      cr_expect(to.value(*e, Datum::bytes_out_rate, 0, kNow) == 5160);
      cr_expect(to.value(*e, Datum::conn_cur, 0, kNow) == 0);
      cr_expect(to.text(*e, Datum::server_key).str() == "s5");
    }
  }
}

Test(peer_wire, what_is_cut_changes_nothing) {
  StickTable from, to;
  prepare(from, "wc1", Type::string, 31);
  prepare(to, "wc2", Type::string, 31);
  store_all(from);
  store_all(to);
  cr_assert(from.open() && to.open());
  fill(from, "key", 9);
  PeerTexts sent, received;
  std::string room;
  const PeerDefinition d = definition_of(from, room);
  const std::string bytes = update_of(from, "key", {1, true, true}, sent);
  const Str body = message_in(bytes).body;
  for (size_t cut = 0; cut < body.size(); cut++) {
    PeerUpdate update{0, true, true};
    cr_expect(!take_update(body.substr(0, cut), update, d, to, kNow, received), "%zu", cut);
  }
  cr_expect(used(to) == 0);
  PeerUpdate update{0, true, true};
  // What a later version adds behind it does no harm.
  cr_expect(take_update(std::string(body) + "more", update, d, to, kNow, received) && used(to) == 1);
}

Test(peer_wire, noise) {
  StickTable from, to;
  prepare(from, "wn1", Type::string, 31);
  prepare(to, "wn2", Type::string, 31);
  store_all(from);
  store_all(to);
  cr_assert(from.open() && to.open());
  fill(from, "key", 3);
  PeerTexts sent, received;
  std::string room, definition;
  put_definition(definition, 3, from);
  const PeerDefinition good = definition_of(from, room);
  const std::string update_bytes = update_of(from, "key", {1, true, true}, sent);
  std::mt19937 random(1);
  for (int i = 0; i < 20000; i++) {
    const bool defines = i % 2;
    std::string bytes = defines ? definition : update_bytes;
    for (unsigned n = 1 + random() % 4; n; n--) bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(bytes.size() - random() % 3);
    PeerMessage m;
    if (next_peer_message(bytes, m) != PeerFramed::message) continue;
    PeerDefinition d = good;
    if (defines && (!read_definition(m.body, d) || !fits(d, to))) continue;
    PeerUpdate update{0, true, true};
    take_update(defines ? message_in(update_bytes).body : m.body, update, d, to, kNow, received);
  }
  cr_expect(used(to) <= 100);
}

Test(peer_wire, texts_are_sent_once) {
  PeerTexts sent;
  bool fresh = false;
  cr_expect(sent.number_of("a", fresh) == 1 && fresh);
  cr_expect(sent.number_of("b", fresh) == 2 && fresh);
  cr_expect(sent.number_of("a", fresh) == 1 && !fresh);
  for (uint32_t i = 0; i < PeerTexts::kMost; i++) sent.number_of(fmt::format("t{}", i), fresh);
  cr_expect(sent.number_of("a", fresh) && fresh);
}

Test(peer_wire, servers_and_tags_are_copied) {
  StickTable from, to, copy;
  prepare(from, "ww1", Type::string, 31);
  prepare(to, "ww2", Type::string, 31);
  prepare(copy, "ww3", Type::string, 31);
  for (StickTable* t : {&from, &to, &copy})
    for (Datum d : {Datum::server_id, Datum::server_key, Datum::gpc0, Datum::gpt0}) t->add(d, 1, 0);
  to.copied_to = &copy;
  cr_assert(from.open() && to.open() && copy.open());
  fill(from, "key", 2);
  PeerTexts sent, received;
  std::string room;
  const PeerDefinition d = definition_of(from, room);
  PeerUpdate update{1, true, false};
  cr_assert(take_update(message_in(update_of(from, "key", update, sent)).body, update, d, to, kNow, received));
  Table::Guard guard(copy.table, "key");
  Table::Entry* e = guard.find(kNow);
  cr_assert(e != nullptr);
  cr_expect(copy.value(*e, Datum::server_id, 0, kNow) == 2000 && copy.value(*e, Datum::gpt0, 0, kNow) == 2010);
  cr_expect(copy.value(*e, Datum::gpc0, 0, kNow) == 0);
  cr_expect(copy.text(*e, Datum::server_key).str() == "s2");
  cr_expect(e->expires_ms == kNow + 60000);
}

Test(table_news, an_entry_is_told_once_until_it_was_read) {
  TableNews news;
  cr_assert(news.open("tn1", 1, 10));
  for (int i = 0; i < 5; i++) news.changed(3);
  news.changed(4);
  cr_expect(news.head() == 2);
  uint32_t at = 0, entry = 0;
  cr_expect(news.next(at, entry) == TableNews::Next::entry && entry == 3 && at == 1);
  news.changed(3);
  news.changed(4);
  cr_expect(news.head() == 3);
  cr_expect(news.next(at, entry) == TableNews::Next::entry && entry == 4);
  cr_expect(news.next(at, entry) == TableNews::Next::entry && entry == 3);
  cr_expect(news.next(at, entry) == TableNews::Next::none && at == 3);
  uint32_t other = 0;
  cr_expect(news.next(other, entry) == TableNews::Next::entry && entry == 3);
}

Test(table_news, who_falls_behind_is_told_so) {
  TableNews news, same;
  cr_assert(news.open("tn2", 1, 10) && same.open("tn2", 1, 10));
  uint32_t slow = 0, fast = 0, entry = 0;
  for (uint32_t i = 0; i < 3000; i++) {
    same.changed(i % 10);
    cr_assert(news.next(fast, entry) == TableNews::Next::entry && entry == i % 10);
  }
  cr_expect(news.next(slow, entry) == TableNews::Next::lost);
  slow = news.skip();
  cr_expect(slow == 3000 && news.next(slow, entry) == TableNews::Next::none);
  cr_expect(!same.learned());
  news.set_learned();
  cr_expect(same.learned() && same.life() == news.life());
}
