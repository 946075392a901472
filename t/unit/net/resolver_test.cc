// What packets of name servers are understood as: net/resolver.h.
#include "net/resolver.h"

#include <criterion/criterion.h>

using namespace weir;
using namespace weir::net;

// A packet for a question about "a.b" and answers, all names spelt out.
struct Packet {
  std::string bytes;

  explicit Packet(uint8_t code, RecordType type, uint8_t answers) {
    bytes = {0x12, 0x34, '\x81', static_cast<char>(0x80 | code), 0, 1, 0, static_cast<char>(answers), 0, 0, 0, 0};
    name("\1a\1b");
    bytes += {0, static_cast<char>(type), 0, 1};
  }
  void name(Str labels) {
    bytes += labels;
    bytes += '\0';
  }
  void record(Str labels, uint8_t type, uint8_t ttl, Str data) {
    name(labels);
    bytes += {0, static_cast<char>(type), 0, 1, 0, 0, 0, static_cast<char>(ttl), 0, static_cast<char>(data.size())};
    bytes += data;
  }
  DnsAnswer read(RecordType type) const {
    return read_answer(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), type);
  }
};

constexpr Str kAddress("\x7f\0\0\1", 4);
constexpr Str kAlias("\1c\1d\0", 5);

Test(resolver, reads_addresses_behind_aliases) {
  Packet p(0, RecordType::a, 2);
  p.record("\1A\1b", 5, 9, kAlias);
  p.record("\1c\1d", 1, 30, kAddress);
  DnsAnswer a = p.read(RecordType::a);
  cr_expect(a.status == DnsStatus::ok);
  cr_assert_eq(a.records.size(), 1);
  cr_expect_eq(a.records[0].addr.text(), "127.0.0.1:0");
  cr_expect_eq(a.ttl_s, 9);
}

Test(resolver, leaves_out_what_nobody_asked_for) {
  Packet p(0, RecordType::a, 2);
  p.record("\1x\1y", 1, 9, kAddress);
  p.record("\1a\1b", 28, 9, "0123456789abcdef");
  DnsAnswer a = p.read(RecordType::a);
  cr_expect(a.status == DnsStatus::no_data);
  cr_expect(a.alias.empty());
}

Test(resolver, tells_an_alias_without_addresses) {
  Packet p(0, RecordType::a, 1);
  p.record("\1a\1b", 5, 9, kAlias);
  DnsAnswer a = p.read(RecordType::a);
  cr_expect(a.status == DnsStatus::no_data);
  cr_expect_eq(a.alias, "c.d");
}

Test(resolver, reads_services) {
  Packet p(0, RecordType::srv, 1);
  p.record("\1a\1b", 33, 9, Str("\0\1\0\2\x1f\x90\1c\1d\0", 11));
  DnsAnswer a = p.read(RecordType::srv);
  cr_assert_eq(a.records.size(), 1);
  cr_expect_eq(a.records[0].priority, 1);
  cr_expect_eq(a.records[0].weight, 2);
  cr_expect_eq(a.records[0].port, 8080);
  cr_expect_eq(a.records[0].target, "c.d");
}

Test(resolver, says_what_codes_say) {
  cr_expect(Packet(3, RecordType::a, 0).read(RecordType::a).status == DnsStatus::no_such_name);
  cr_expect(Packet(2, RecordType::a, 0).read(RecordType::a).status == DnsStatus::server_failure);
  cr_expect(Packet(9, RecordType::a, 0).read(RecordType::a).status == DnsStatus::server_failure);
}

Test(resolver, every_cut_is_noticed) {
  Packet p(0, RecordType::a, 1);
  p.record("\1a\1b", 1, 9, kAddress);
  for (size_t n = 0; n < p.bytes.size(); n++) {
    Packet cut = p;
    cut.bytes.resize(n);
    cr_expect(cut.read(RecordType::a).status == DnsStatus::invalid, "%zu bytes", n);
  }
  p.bytes[p.bytes.size() - 5] = 3;  // a length that no address has
  cr_expect(p.read(RecordType::a).status == DnsStatus::invalid);
}
