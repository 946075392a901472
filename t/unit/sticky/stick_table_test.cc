// What stick tables keep: sticky/stick_table.cc, sticky/rate.h.
#include "sticky/stick_table.h"

#include <criterion/criterion.h>

#include <tuple>

#include "model/model.h"

using namespace weir;
using expr::Type;
using expr::Value;
using sticky::Datum;
using sticky::PeriodRate;
using sticky::StickTable;

static StickTable table_of(Type type, uint32_t key_size) {
  StickTable t;
  t.type = type;
  t.key_size = key_size;
  t.size = 10;
  return t;
}

Test(rate, slides) {
  PeriodRate r{};
  for (int i = 0; i < 10; i++) r.add(1000, 100);
  cr_expect(r.read(1000, 100) == 10);
  cr_expect(r.read(1099, 100) == 10);
  cr_expect(r.read(1150, 100) == 5, "%u", r.read(1150, 100));
  cr_expect(r.read(1200, 100) == 0);
  cr_expect(r.read(9000, 100) == 0);
}

Test(rate, a_lone_event_stays_for_its_time) {
  PeriodRate r{};
  r.add(1000, 100);
  cr_expect(r.read(1199, 100) == 1);
  cr_expect(r.read(1200, 100) == 0);
}

Test(rate, what_is_set_fades_out) {
  PeriodRate r{};
  r.set(1000, 40);
  cr_expect(r.read(1050, 100) == 40);
  cr_expect(r.read(1150, 100) == 20);
}

Test(stick_table, keys_are_cast_and_cut) {
  Arena arena;
  Str key;
  StickTable text = table_of(Type::string, 4);
  Value v = Value::of("abcdef");
  cr_expect(text.key_of(v, arena, key) && key == "abcd");
  v = Value::of(int64_t{12});
  cr_expect(text.key_of(v, arena, key) && key == "12");
  StickTable bytes = table_of(Type::binary, 4);
  v = Value::of_binary("ab");
  cr_expect(bytes.key_of(v, arena, key) && key == Str("ab\0\0", 4));
  StickTable number = table_of(Type::integer, 4);
  v = Value::of("7");
  cr_expect(number.key_of(v, arena, key) && number.key_text(key) == "7");
  StickTable address = table_of(Type::ipv4, 4);
  v = Value::of("10.1.2.3");
  cr_expect(address.key_of(v, arena, key) && address.key_text(key) == "10.1.2.3");
  v = Value::of("nowhere");
  cr_expect(!address.key_of(v, arena, key));
}

Test(stick_table, texts_are_shown_without_control_bytes) {
  cr_expect(table_of(Type::string, 9).key_text("a b=\x01") == "a\\ b\\=\\x01");
  cr_expect(table_of(Type::binary, 2).key_text(Str("\x0a\xff", 2)) == "0AFF");
}

Test(stick_table, stores_what_it_has_room_for) {
  StickTable t = table_of(Type::string, 8);
  t.name = "unit";
  cr_expect(t.add(Datum::gpc0, 1, 0) && t.add(Datum::conn_rate, 1, 1000) && t.add(Datum::gpt, 3, 0));
  cr_expect(!t.add(Datum::gpc0, 1, 0));
  cr_assert(t.open());
  sticky::Table::Guard guard(t.table, "k");
  sticky::Table::Entry* e = guard.add(1);
  cr_assert(e != nullptr);
  t.set(*e, Datum::gpt, 2, 1, 9);
  t.set(*e, Datum::gpc0, 0, 1, (1ull << 32) + 5);
  t.rate(*e, Datum::conn_rate).add(1, 1000, 4);
  cr_expect(t.value(*e, Datum::gpt, 2, 1) == 9 && t.value(*e, Datum::gpt, 1, 1) == 0);
  cr_expect(t.value(*e, Datum::gpc0, 0, 1) == 5);
  cr_expect(t.value(*e, Datum::conn_rate, 0, 1) == 4);
  e->current.up();
  cr_expect(t.value(*e, Datum::conn_cur, 0, 1) == 1);
}

Test(stick_table, addresses_of_servers_are_written_as_peers_read_them) {
  StickTable t = table_of(Type::string, 8);
  t.name = "addresses";
  t.server_key = sticky::ServerKey::address;
  t.add(Datum::server_key, 1, 0);
  cr_assert(t.open());
  model::ServerLocal local;
  model::Server server;
  server.local = &local;
  for (auto [ip, port, wanted] :
       {std::tuple{"127.0.0.1", 80, "127.0.0.1:80"}, std::tuple{"::1", 80, "::1:80"}, std::tuple{"::1", 0, "::1:+0"}}) {
    cr_assert(net::parse_ip(ip, server.addr));
    server.addr.port = static_cast<uint16_t>(port);
    sticky::Table::Guard guard(t.table, "key");
    sticky::Table::Entry* e = guard.find(1);
    if (!e) e = guard.add(1);
    t.set_server(*e, server);
    cr_expect(t.text(*e, Datum::server_key).str() == wanted);
  }
}
