// `balance`: how requests are spread over servers.
#include "haproxy/bind.h"
#include "haproxy/tables.h"

#include <fmt/format.h>

namespace weir::haproxy {
namespace {

struct Algorithm {
  Str name;
  bool built;
};
constexpr Algorithm kAlgorithms[] = {
    {"roundrobin", true}, {"static-rr", true},  {"leastconn", false},  {"first", false},  {"source", false},
    {"uri", false},       {"url_param", false}, {"hdr", false},        {"random", false}, {"rdp-cookie", false},
    {"hash", false},      {"log-hash", false},  {"log-sticky", false}, {"sticky", false},
};

void bind_balance(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  Str name = word.text.substr(0, word.text.find('('));
  for (const Algorithm& a : kAlgorithms) {
    if (a.name != name) continue;
    if (!a.built) scope.planned(word.where, fmt::format("balance {}", name));
    return;
  }
  std::vector<Str> names;
  for (const Algorithm& a : kAlgorithms) names.push_back(a.name);
  Str near = config::nearest(name, names);
  scope.error(word.where, fmt::format("'{}' is not a way of balancing", word.text),
              near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
              "'balance' only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hash', "
              "'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'log-sticky' options.");
}

constexpr Row kRows[] = {
    {"balance", kBackends, 1, -1, Block::none, Inherit::copy, bind_balance, "<algorithm> [ <arguments> ]",
     "how requests are spread over the servers"},
};

}  // namespace

const config::Table kBalanceTable = kRows;

}  // namespace weir::haproxy
