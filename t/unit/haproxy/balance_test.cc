// `balance` and the words around it, and what its algorithms hash: haproxy/balance_line.cc, haproxy/balance_key.cc.
#include "haproxy/balance.h"

#include <criterion/criterion.h>

#include "bound.h"

using namespace weir;
using namespace weir::haproxy;

static std::string with_back(const std::string& lines, const char* mode = "http") {
  return std::string("defaults\n mode ") + mode +
         "\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
         "frontend f\n bind 127.0.0.1:8080\n default_backend b\n"
         "backend b\n " +
         lines + "\n server s1 127.0.0.1:9000\n server s2 127.0.0.1:9001\n";
}
static std::string name_of(const std::string& lines) {
  Bound b(with_back(lines));
  return b.diag.failed() ? "refused: " + b.error() : std::string(b.proxy("b").pool->balancer->name());
}

Test(haproxy_balance, every_algorithm_has_its_balancer) {
  cr_expect_eq(name_of(""), "random", "the default");
  for (const char* plain : {"roundrobin", "static-rr", "leastconn", "first", "sticky", "source", "uri", "random", "wrr",
                            "peak-ewma", "maglev", "rdp-cookie"})
    cr_expect_eq(name_of(std::string("balance ") + plain), plain);
  cr_expect_eq(name_of("balance random(3)"), "random");
  cr_expect_eq(name_of("balance hdr(Host) use_domain_only"), "hdr");
  cr_expect_eq(name_of("balance url_param id check_post"), "url_param");
  cr_expect_eq(name_of("balance hash req.hdr(x-a),lower"), "hash");
  cr_expect_eq(name_of("balance rdp-cookie(msts)"), "rdp-cookie");
  cr_expect_eq(name_of("balance maglev req.hdr(x-a) size 251"), "maglev");
}

Test(haproxy_balance, arguments_are_kept) {
  Bound b(
      with_back("balance uri len 8 depth 2 whole path-only\n hash-type consistent djb2 avalanche\n"
                " hash-balance-factor 150\n hash-preserve-affinity maxconn"));
  cr_assert_not(b.diag.failed(), "%s", b.said().c_str());
  const Balance& balance = b.proxy("b").s.balance;
  cr_expect(balance.length == 8 && balance.depth == 2 && balance.whole && balance.path_only);
  const HashRules& hash = b.proxy("b").s.hash;
  cr_expect(hash.consistent && hash.avalanche && hash.function == HashFunction::djb2);
  cr_expect(hash.balance_factor == 150 && hash.leaves_full);
}

Test(haproxy_balance, avalanche_is_what_consistent_alone_means) {
  cr_expect(Bound(with_back("hash-type consistent")).proxy("b").s.hash.avalanche);
  cr_expect_not(Bound(with_back("hash-type consistent sdbm")).proxy("b").s.hash.avalanche);
  cr_expect_not(Bound(with_back("hash-type map-based")).proxy("b").s.hash.avalanche);
}

Test(haproxy_balance, a_default_is_inherited) {
  std::string text = with_back("");
  text.insert(text.find("frontend"), " balance uri whole\n hash-type consistent\n");
  Bound b(text);
  cr_expect_eq(b.proxy("b").pool->balancer->name(), "uri");
  cr_expect(b.proxy("b").s.hash.consistent && b.proxy("b").s.balance.whole);
}

Test(haproxy_balance, mistakes) {
  for (const char* wrong : {"balance rounrobin",
                            "balance uri len",
                            "balance uri len 0",
                            "balance uri short",
                            "balance url_param",
                            "balance url_param id check",
                            "balance hdr()",
                            "balance hdr(a) b",
                            "balance random(0)",
                            "balance random(x)",
                            "balance hash",
                            "balance hash nothing",
                            "balance hash src dst",
                            "balance rdp-cookie()",
                            "balance maglev size 10",
                            "balance maglev src size",
                            "hash-type random",
                            "hash-type consistent md5",
                            "hash-type map-based sdbm more",
                            "hash-balance-factor 100",
                            "hash-balance-factor x",
                            "hash-preserve-affinity never"})
    cr_expect(Bound(with_back(wrong)).diag.failed(), "%s", wrong);
  cr_expect(Bound(with_back("default-server hash-key name")).diag.failed());
}

Test(haproxy_balance, http_algorithms_give_way_in_tcp) {
  Bound b(with_back("balance uri", "tcp"));
  cr_expect_eq(b.proxy("b").pool->balancer->name(), "roundrobin");
  cr_expect_neq(b.said().find("cannot balance by HTTP requests"), std::string::npos, "%s", b.said().c_str());
}

Test(haproxy_balance, servers_are_numbered_around_fixed_ids) {
  std::string text = with_back("");
  text += " server s3 127.0.0.1:9002 id 2\n server s4 127.0.0.1:9003 id 40 hash-key addr\n server s5 127.0.0.1:9004\n";
  Bound b(text);
  std::vector<uint32_t> numbers;
  for (const model::Server* s : b.proxy("b").servers) numbers.push_back(s->number);
  cr_expect(numbers == std::vector<uint32_t>({1, 3, 2, 40, 6}));
  cr_expect(b.proxy("b").servers[3]->ring_key == model::RingKey::address);
}

Test(haproxy_balance, uri_keys) {
  Balance plain, deep, whole;
  cr_expect_eq(uri_key(plain, "/a/b?c/d"), "/a/b");
  deep.depth = 1;
  cr_expect_eq(uri_key(deep, "/a/b/c"), "/a");
  cr_expect_eq(uri_key(deep, "/a"), "/a");
  deep.length = 1;
  cr_expect_eq(uri_key(deep, "/a/b/c"), "/");
  whole.whole = true;
  cr_expect_eq(uri_key(whole, "/a?b"), "/a?b");
  whole.length = 3;
  cr_expect_eq(uri_key(whole, "/a?b"), "/a?");
}

Test(haproxy_balance, query_keys) {
  Str key;
  cr_expect(query_key("/?a=1&id=7&id=8", "id", key));
  cr_expect_eq(key, "7");
  cr_expect(query_key("/?id=", "id", key) && key.empty());
  cr_expect_not(query_key("/?xid=7&idx=7&id", "id", key));
  cr_expect_not(query_key("/id=7", "id", key));
}

Test(haproxy_balance, form_keys) {
  Str key;
  cr_expect(form_key("a=1&id=7.x&b=2", "id", key));
  cr_expect_eq(key, "7.x");
  cr_expect(form_key("id=7\r\n", "id", key));
  cr_expect_eq(key, "7");
  cr_expect_not(form_key("id=7/8", "id", key), "not URL encoded");
  cr_expect_not(form_key("", "id", key));
}

Test(haproxy_balance, domain_keys) {
  cr_expect_eq(domain_key("haproxy.1wt.eu"), "1wt");
  cr_expect_eq(domain_key("a.b.example.org"), "example");
  cr_expect_eq(domain_key("example.org"), "example");
  cr_expect_eq(domain_key("localhost"), "localhost");
  cr_expect_eq(domain_key(".org"), ".org");
}
