// The PROXY protocol's two versions: net/proxy_protocol.cc.
#include "net/proxy_protocol.h"

#include <criterion/criterion.h>

using namespace weir;
using namespace weir::net;

static Addr addr(Str ip, uint16_t port) {
  Addr a;
  cr_assert(parse_ip(ip, a));
  a.port = port;
  return a;
}

static ProxyParse parse(const std::string& in, ProxyInfo& out, size_t& used) {
  return parse_proxy(in, out, used);
}

static ProxyParse parse(const std::string& in) {
  ProxyInfo out;
  size_t used = 0;
  return parse_proxy(in, out, used);
}

// Every true beginning of a good header asks for more, and the header alone is complete.
static void expect_prefixes_want_more(const std::string& header) {
  for (size_t n = 0; n < header.size(); n++)
    cr_expect(parse(header.substr(0, n)) == ProxyParse::more, "prefix of %zu bytes", n);
  cr_expect(parse(header) == ProxyParse::ok);
}

Test(proxy_protocol, version_1) {
  ProxyInfo p;
  size_t used = 0;
  std::string header = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
  cr_assert(parse(header + "GET / HTTP/1.1\r\n", p, used) == ProxyParse::ok);
  cr_expect(used == header.size());
  cr_expect(p.has_addresses && p.version == 1);
  cr_expect(p.src == addr("192.0.2.1", 56324));
  cr_expect(p.dst == addr("198.51.100.7", 443));
  cr_assert(parse("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", p, used) == ProxyParse::ok);
  cr_expect(p.src == addr("2001:db8::1", 1));
  cr_assert(parse("PROXY UNKNOWN\r\n", p, used) == ProxyParse::ok);
  cr_expect(!p.has_addresses);
  cr_expect(parse("PROXY UNKNOWN ff ee 1 2\r\n", p, used) == ProxyParse::ok);
  expect_prefixes_want_more(header);
}

Test(proxy_protocol, version_1_refused) {
  for (const char* bad :
       {"GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY \r\n", "PROXY UNKNOWNX\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rX"})
    cr_expect(parse(bad) == ProxyParse::bad, "%s", bad);
  cr_expect(parse("PROXY UNKNOWN " + std::string(200, 'x')) == ProxyParse::bad, "no line end within 107 bytes");
}

Test(proxy_protocol, version_2_round_trip) {
  std::string tlvs;
  append_tlv(tlvs, kTlvAuthority, "example.com");
  append_tlv(tlvs, kTlvUniqueId, std::string("\0\1\2", 3));
  std::string header = write_proxy_v2(addr("192.0.2.1", 1000), addr("192.0.2.2", 80), tlvs);
  ProxyInfo p;
  size_t used = 0;
  std::string in = header + "x";
  cr_assert(parse(in, p, used) == ProxyParse::ok);
  cr_expect(used == header.size() && p.version == 2 && p.has_addresses);
  cr_expect(p.src == addr("192.0.2.1", 1000));
  cr_expect(p.dst == addr("192.0.2.2", 80));
  Str value;
  cr_expect(find_tlv(p.tlvs, kTlvAuthority, value) && value == "example.com");
  cr_expect(find_tlv(p.tlvs, kTlvUniqueId, value) && value.size() == 3);
  cr_expect(!find_tlv(p.tlvs, kTlvNetns, value));
  expect_prefixes_want_more(header);
}

Test(proxy_protocol, version_2_mixed_families_become_ipv6) {
  ProxyInfo p;
  size_t used = 0;
  std::string header = write_proxy_v2(addr("192.0.2.1", 1), addr("2001:db8::2", 2));
  cr_assert(parse(header, p, used) == ProxyParse::ok);
  cr_expect(p.src == addr("::ffff:192.0.2.1", 1));
  cr_expect(p.dst == addr("2001:db8::2", 2));
}

Test(proxy_protocol, version_2_without_addresses) {
  ProxyInfo p;
  size_t used = 0;
  std::string local = write_proxy_v2_local();
  cr_assert(parse(local, p, used) == ProxyParse::ok);
  cr_expect(!p.has_addresses && used == 16);
  Addr unix_socket;
  unix_socket.family = AF_UNIX;
  unix_socket.path = "";
  std::string header = write_proxy_v2(unix_socket, unix_socket);
  cr_assert(parse(header, p, used) == ProxyParse::ok);
  cr_expect(!p.has_addresses);
}

Test(proxy_protocol, version_2_refused) {
  std::string good = write_proxy_v2(addr("192.0.2.1", 1), addr("192.0.2.2", 2));
  auto changed = [&](size_t at, char c) {
    std::string s = good;
    s[at] = c;
    return s;
  };
  cr_expect(parse(changed(12, '\x11')) == ProxyParse::bad, "version 1 in a version 2 head");
  cr_expect(parse(changed(12, '\x22')) == ProxyParse::bad, "unknown command");
  cr_expect(parse(changed(13, '\x41')) == ProxyParse::bad, "unknown family");
  cr_expect(parse(changed(13, '\x21')) == ProxyParse::bad, "IPv6 in the room of IPv4");
  cr_expect(parse(changed(14, '\x7f')) == ProxyParse::bad, "longer than the limit");
  std::string tlvs;
  append_tlv(tlvs, kTlvAlpn, "h2");
  tlvs.pop_back();
  cr_expect(parse(write_proxy_v2(addr("192.0.2.1", 1), addr("192.0.2.2", 2), tlvs)) == ProxyParse::bad, "cut TLV");
}

Test(proxy_protocol, ssl_tlv) {
  std::string inner("\x01\0\0\0\x2a", 5);
  append_tlv(inner, kTlvSslVersion, "TLSv1.3");
  ProxySsl ssl;
  cr_assert(parse_tlv_ssl(inner, ssl));
  cr_expect(ssl.client == 1 && ssl.verify == 42);
  Str value;
  cr_expect(find_tlv(ssl.tlvs, kTlvSslVersion, value) && value == "TLSv1.3");
  cr_expect(!parse_tlv_ssl(Str(inner).substr(0, 4), ssl));
  cr_expect(!parse_tlv_ssl(Str(inner).substr(0, inner.size() - 1), ssl));
}

Test(proxy_protocol, writes_version_1) {
  cr_expect(write_proxy_v1(addr("192.0.2.1", 1), addr("192.0.2.2", 2)) == "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
  cr_expect(write_proxy_v1(addr("::1", 1), addr("::2", 2)) == "PROXY TCP6 ::1 ::2 1 2\r\n");
  cr_expect(write_proxy_v1(addr("192.0.2.1", 1), addr("::2", 2)) == "PROXY UNKNOWN\r\n");
}
