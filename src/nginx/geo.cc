// geo: a variable whose value depends on the client's address, or on an address in another variable
// (ngx_http_geo_module). Networks are kept in one binary trie for each family, ranges as a sorted list.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "nginx/client_addr.h"
#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using net::Addr;

// A network's value; the longest prefix wins. `value` null: nothing ends here.
class Trie {
 public:
  Trie() : nodes_(1) {}

  // The value that stood there before, or null.
  const Str* put(const uint8_t* key, int bits, const Str* value) {
    uint32_t at = 0;
    for (int i = 0; i < bits; i++) {
      bool bit = key[i / 8] >> (7 - i % 8) & 1;
      if (!nodes_[at].child[bit]) {
        nodes_.emplace_back();
        nodes_[at].child[bit] = static_cast<uint32_t>(nodes_.size() - 1);
      }
      at = nodes_[at].child[bit];
    }
    const Str* old = nodes_[at].value;
    nodes_[at].value = value;
    return old;
  }
  const Str* find(const uint8_t* key, int bits) const {
    uint32_t at = 0;
    const Str* best = nodes_[0].value;
    for (int i = 0; i < bits; i++) {
      at = nodes_[at].child[key[i / 8] >> (7 - i % 8) & 1];
      if (!at) break;
      if (nodes_[at].value) best = nodes_[at].value;
    }
    return best;
  }

 private:
  struct Node {
    uint32_t child[2] = {0, 0};
    const Str* value = nullptr;
  };
  std::vector<Node> nodes_;
};

struct Range {
  uint32_t first;
  uint32_t last;
  const Str* value;
};

struct Geo {
  const Variable* source = nullptr;  // null: the client's address
  bool ranges = false;
  bool recursive = false;
  bool is_volatile = false;
  Trie v4, v6;
  std::vector<Range> list;  // sorted, disjoint
  const Str* fallback = nullptr;
  ArenaList<Network> proxies;
};

const uint8_t* bytes(const Addr& a) {
  return reinterpret_cast<const uint8_t*>(&a.v6);
}

uint32_t number(const Addr& a) {
  return ntohl(a.v4.s_addr);
}

// What counts as the address when there is none: 255.255.255.255, as in nginx.
Addr no_address() {
  Addr a;
  a.family = AF_INET;
  a.v4.s_addr = INADDR_NONE;
  return a;
}

Addr address_of(proxy::Transaction& txn, const Geo& geo) {
  Addr a;
  if (!geo.source) {
    const Addr* client = client_addr(txn);
    if (!client) return no_address();
    a = *client;
  } else if (!net::parse_ip(get_text(txn, *geo.source), a)) {
    return no_address();
  }
  if (!geo.proxies.empty())
    if (Str chain = header_chain(txn, "X-Forwarded-For"); !chain.empty())
      forwarded_addr(chain, geo.proxies, geo.recursive, a);
  a = net::unmapped(a);
  return a.is_ip() ? a : no_address();
}

const Str* find_range(const Geo& geo, uint32_t n) {
  auto it =
      std::upper_bound(geo.list.begin(), geo.list.end(), n, [](uint32_t v, const Range& r) { return v < r.first; });
  return it != geo.list.begin() && n <= std::prev(it)->last ? std::prev(it)->value : nullptr;
}

bool fetch_geo(const expr::Ctx& ctx, const expr::Arg* args, Value& out) {
  const Geo& geo = *static_cast<const Geo*>(args[0].object);
  Addr a = address_of(*ctx.txn, geo);
  const Str* value = nullptr;
  if (geo.ranges)
    value = find_range(geo, a.family == AF_INET ? number(a) : UINT32_MAX);
  else
    value = a.family == AF_INET ? geo.v4.find(bytes(a), 32) : geo.v6.find(bytes(a), 128);
  if (!value) value = geo.fallback;
  out = Value::of(value ? *value : Str{});
  return true;
}

// ---------------------------------------------------------------- binding

// The new range lies where it cuts at most one old one: inside it, at one of its ends, or instead of it.
bool put_range(Scope& scope, Geo& geo, const config::Word& word, Range r) {
  auto it = std::find_if(geo.list.begin(), geo.list.end(), [&](const Range& o) { return o.last >= r.first; });
  if (it == geo.list.end() || it->first > r.last) {
    geo.list.insert(it, r);
    return true;
  }
  if (r.first < it->first || r.last > it->last) {
    refuse(scope, word.where, fmt::format("range \"{}\" overlaps another one", word.text));
    return false;
  }
  Range old = *it;
  if (old.first == r.first && old.last == r.last) {
    scope.diag.warning(word.where, fmt::format("duplicate range \"{}\", value: \"{}\", old value: \"{}\"", word.text,
                                               *r.value, *old.value));
    it->value = r.value;
    return true;
  }
  it = geo.list.erase(it);
  if (old.last > r.last) it = geo.list.insert(it, {r.last + 1, old.last, old.value});
  it = geo.list.insert(it, r);
  if (old.first < r.first) geo.list.insert(it, {old.first, r.first - 1, old.value});
  return true;
}

void delete_range(Scope& scope, Geo& geo, const config::Word& word, uint32_t first, uint32_t last) {
  auto same = [&](const Range& r) { return r.first == first && r.last == last; };
  if (std::erase_if(geo.list, same) == 0)
    scope.diag.warning(word.where, fmt::format("no address range \"{}\" to delete", word.text));
}

void add_range(Scope& scope, Geo& geo, const config::Word& word, const Str* value) {
  size_t dash = word.text.find('-');
  Addr first, last;
  bool good = dash != Str::npos && net::parse_ip(word.text.substr(0, dash), first) &&
              net::parse_ip(word.text.substr(dash + 1), last) && first.family == AF_INET && last.family == AF_INET &&
              number(first) <= number(last);
  if (!good) return refuse(scope, word.where, fmt::format("invalid range \"{}\"", word.text), "write first-last");
  if (value)
    put_range(scope, geo, word, {number(first), number(last), value});
  else
    delete_range(scope, geo, word, number(first), number(last));
}

bool read_cidr(Scope& scope, const config::Word& word, net::Cidr& out) {
  auto result = net::parse_cidr(word.text, out);
  if (result == net::CidrResult::bad)
    refuse(scope, word.where, fmt::format("invalid network \"{}\"", word.text),
           "an address, or a network such as 10.0.0.0/8");
  if (result == net::CidrResult::host_bits)
    scope.diag.warning(word.where, fmt::format("low address bits of {} are meaningless", word.text));
  return result != net::CidrResult::bad;
}

void add_network(Scope& scope, Geo& geo, const config::Word& word, const Str* value) {
  net::Cidr cidr;
  if (!read_cidr(scope, word, cidr)) return;
  Trie& trie = cidr.addr.family == AF_INET ? geo.v4 : geo.v6;
  const Str* old = trie.put(bytes(cidr.addr), cidr.bits, value);
  if (old && value)
    scope.diag.warning(
        word.where, fmt::format("duplicate network \"{}\", value: \"{}\", old value: \"{}\"", word.text, *value, *old));
  if (!old && !value) scope.diag.warning(word.where, fmt::format("no network \"{}\" to delete", word.text));
}

bool add_flag(Scope& scope, Geo& geo, const Directive& line, bool first) {
  Str word = line.name();
  if (word == "ranges") {
    if (!first)
      refuse(scope, line.where, "the \"ranges\" directive must be the first directive inside \"geo\" block",
             "move it up");
    geo.ranges = true;
  } else if (word == "proxy_recursive") {
    geo.recursive = true;
  } else if (word == "volatile") {
    geo.is_volatile = true;
  } else {
    return false;
  }
  return true;
}

void add_line(Scope& scope, Geo& geo, const Directive& line, bool& first) {
  if (line.args() == 0 && add_flag(scope, geo, line, first)) return;
  if (line.args() != 1)
    return refuse(scope, line.where, "invalid number of the geo parameters", "write: network value;");
  const config::Word& word = line.words[0];
  if (word == "proxy") {
    Network n;
    if (read_cidr(scope, line.arg(0), n.cidr)) geo.proxies.push(scope.arena, n);
    return;
  }
  first = false;
  auto* value = scope.arena.make<Str>(scope.arena.dup(line.arg(0).text));
  if (word == "default") {
    if (geo.fallback)
      scope.diag.warning(word.where, fmt::format("duplicate network \"default\", value: \"{}\", old value: \"{}\"",
                                                 *value, *geo.fallback));
    geo.fallback = value;
    return;
  }
  bool remove = word == "delete";
  const config::Word& net = remove ? line.arg(0) : word;
  if (remove) value = nullptr;
  if (geo.ranges)
    add_range(scope, geo, net, value);
  else
    add_network(scope, geo, net, value);
}

void bind_geo(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto* geo = scope.arena.own<Geo>();
  if (d.args() == 2) {
    const config::Word& source = d.arg(0);
    if (!source.text.starts_with('$') || source.text.size() < 2)
      return refuse(scope, source.where, fmt::format("invalid variable name \"{}\"", source.text), "write $name");
    geo->source = scope.http->variables.use(scope.arena, source.text.substr(1), source.where);
  }
  bool first = true;
  for (const Directive& line : d.block) add_line(scope, *geo, line, first);
  define_variable(scope, d.arg(d.args() - 1), fetch_geo, geo, !geo->is_volatile);
}

const Row kTable[] = {
    {"geo", kHttp, 1, 2, Block::required, Inherit::none, bind_geo, "[$address] $variable { ... }",
     "a variable whose value depends on an address"},
};

}  // namespace

const Module kGeoModule{"geo", 0, nullptr, kTable};

}  // namespace weir::nginx
