// Compilation of pattern texts and look-up in sets of them.
#include "expr/pattern.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "expr/encode.h"
#include "expr/hash.h"
#include "net/addr.h"

namespace weir::expr {
namespace {

struct MethodInfo {
  Str name;
  Type type;
};
constexpr MethodInfo kMethods[kMethodCount] = {
    {"found", Type::integer}, {"bool", Type::integer}, {"int", Type::integer}, {"ip", Type::addr},
    {"bin", Type::binary},    {"len", Type::string},   {"str", Type::string},  {"beg", Type::string},
    {"sub", Type::string},    {"dir", Type::string},   {"dom", Type::string},  {"end", Type::string},
    {"reg", Type::string},    {"regm", Type::string},  {"", Type::integer},    {"", Type::method},
    {"", Type::string},
};

constexpr Str kDirDelimiters = "/?";
constexpr Str kDomDelimiters = "/?.:";

Str delimiters(Method m) {
  return m == Method::dir ? kDirDelimiters : kDomDelimiters;
}

bool whole_number(Str s, int64_t& out) {
  Str rest = s;
  out = read_int(rest);
  return !s.empty() && rest.empty();
}
// "3" or "3.1" as major * 65536 + minor.
bool dotted_number(Str s, int64_t& out) {
  Str minor = s;
  auto major = parse_u64(cut(minor, '.'));
  auto low = s.find('.') == Str::npos ? std::optional<uint64_t>{0} : parse_u64(minor);
  if (!major || !low || *major > 0xffff || *low > 0xffff) return false;
  out = static_cast<int64_t>(*major << 16 | *low);
  return true;
}

// "5", "5:9", "5:", ":9", and the same with `-`.
bool read_range(Pattern& p, bool (*read)(Str, int64_t&), std::string& error) {
  Str s = p.key;
  size_t sep = s.find_first_of(":-");
  if (sep == Str::npos) {
    if (read(s, p.min)) {
      p.max = p.min;
      return true;
    }
    error = fmt::format("'{}' is not a number", s);
    return false;
  }
  Str low = s.substr(0, sep);
  Str high = s.substr(sep + 1);
  bool good =
      (!low.empty() || !high.empty()) && (low.empty() || read(low, p.min)) && (high.empty() || read(high, p.max));
  if (good && p.min <= p.max) return true;
  error = fmt::format("'{}' is not a valid number range", s);
  return false;
}

in6_addr leading_ones(uint64_t bits) {
  in6_addr mask{};
  for (uint64_t i = 0; i < bits; i++) mask.s6_addr[i / 8] |= static_cast<uint8_t>(0x80 >> (i % 8));
  return mask;
}

// IPv4 addresses stand in the first four bytes.
in6_addr widen(in_addr a) {
  in6_addr out{};
  memcpy(&out, &a, 4);
  return out;
}

bool resolve_ipv4(Str name, in_addr& out) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (getaddrinfo(std::string(name).c_str(), nullptr, &hints, &found) != 0) return false;
  memcpy(&out, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, sizeof out);
  freeaddrinfo(found);
  return true;
}

// ADDRESS[/MASK]. `v6` tells the family.
bool read_network(Str text, bool resolve, in6_addr& net, in6_addr& mask, bool& v6) {
  size_t slash = text.find('/');
  Str host = text.substr(0, slash);
  net::Addr a;
  if (!net::parse_ip(host, a) || text.starts_with('[')) {
    if (!resolve || host.empty() || !resolve_ipv4(host, a.v4)) return false;
    a.family = AF_INET;
  }
  v6 = a.family == AF_INET6;
  net = v6 ? a.v6 : widen(a.v4);
  mask = leading_ones(v6 ? 128 : 32);
  if (slash != Str::npos) {
    Str given = text.substr(slash + 1);
    if (auto bits = parse_u64(given)) {
      if (*bits > (v6 ? 128u : 32u)) return false;
      mask = leading_ones(*bits);
    } else {
      net::Addr m;
      if (!net::parse_ip(given, m) || m.family != a.family) return false;
      mask = v6 ? m.v6 : widen(m.v4);
    }
  }
  for (int i = 0; i < 16; i++) net.s6_addr[i] &= mask.s6_addr[i];
  return true;
}

int compare(const in6_addr& a, const in6_addr& b) {
  return memcmp(&a, &b, sizeof a);
}

// Whether `word` stands in `s` between delimiters or ends.
bool has_word(Str s, Str word, Str delims, bool icase) {
  if (word.empty()) return false;
  for (size_t at = 0; at + word.size() <= s.size();) {
    size_t end = at + word.size();
    Str here = s.substr(at, word.size());
    bool closed = end == s.size() || delims.find(s[end]) != Str::npos;
    if (closed && (icase ? iequals(here, word) : here == word)) return true;
    size_t next = s.find_first_of(delims, at);
    if (next == Str::npos) return false;
    at = next + 1;
  }
  return false;
}

bool contains(Str s, Str part, bool icase) {
  if (!icase) return s.find(part) != Str::npos;
  for (size_t at = 0; at + part.size() <= s.size(); at++)
    if (iequals(s.substr(at, part.size()), part)) return true;
  return false;
}

bool in_list(Str list, Str name) {
  while (!list.empty())
    if (cut(list, ',') == name) return true;
  return false;
}

}  // namespace

bool method_from_name(Str name, Method& out) {
  for (int i = 0; i < kMethodCount; i++) {
    if (kMethods[i].name.empty() || kMethods[i].name != name) continue;
    out = static_cast<Method>(i);
    return true;
  }
  return false;
}
Str method_name(Method method) {
  return kMethods[static_cast<int>(method)].name;
}
Type method_type(Method method) {
  return kMethods[static_cast<int>(method)].type;
}

std::unique_ptr<const PatternSet> PatternSet::build(const Options& options, const std::vector<Text>& texts,
                                                    std::string& error, size_t& index) {
  std::unique_ptr<PatternSet> set(new PatternSet(options));
  set->count_ = texts.size();
  // What is compiled needs more.
  if (options.method != Method::ip && options.method != Method::bin && options.method != Method::reg &&
      options.method != Method::regm && texts.size() <= kSmall) {
    size_t bytes = (sizeof(Pattern) + 2) * texts.size();  // texts end with a zero
    for (const Text& t : texts) bytes += t.key.size() + t.value.size();
    set->arena_.prepare(bytes);
  }
  set->patterns_ = set->arena_.array<Pattern>(texts.size());
  for (index = 0; index < texts.size(); index++) {
    Pattern& p = set->patterns_[index];
    p.key = set->arena_.dup(texts[index].key);
    p.value = set->arena_.dup(texts[index].value);
    p.line = texts[index].line;
    p.bytes = p.key;
    if (!set->compile(p, error) || !set->compile_value(p, error)) return nullptr;
  }
  if (options.method == Method::ip && !set->index_networks(error, index)) return nullptr;
  if (options.method == Method::str || options.method == Method::beg || options.method == Method::end)
    set->index_texts();
  return set;
}

bool PatternSet::compile(Pattern& p, std::string& error) {
  switch (options_.method) {
    case Method::integer:
    case Method::len: return read_range(p, whole_number, error);
    case Method::version: return read_range(p, dotted_number, error);
    case Method::bin:
      if (decode_hex(p.key, arena_, p.bytes)) return true;
      error = fmt::format("'{}' is not an even number of hexadecimal digits", p.key);
      return false;
    case Method::dir:
    case Method::dom: {
      Str d = delimiters(options_.method);
      size_t first = p.key.find_first_not_of(d);
      p.bytes = first == Str::npos ? Str{} : p.key.substr(first, p.key.find_last_not_of(d) - first + 1);
      return true;
    }
    case Method::reg:
    case Method::regm:
      p.regex = Regex::compile(arena_, p.key, options_.icase ? Regex::kIcase : Regex::kNone, error);
      return p.regex != nullptr;
    default: return true;
  }
}

bool PatternSet::compile_value(Pattern& p, std::string& error) {
  if (options_.values == Type::string) return true;
  p.typed = Value::of(p.value);
  int64_t number = 0;
  bool good = options_.values == Type::integer ? whole_number(p.value, number) : cast(p.typed, options_.values, arena_);
  if (!good) {
    error = fmt::format("'{}' is not {}", p.value, options_.values == Type::integer ? "an integer" : "an address");
    return false;
  }
  if (options_.values == Type::integer) p.typed = Value::of(number);
  return true;
}

bool PatternSet::index_networks(std::string& error, size_t& at) {
  std::vector<Net> v4;
  std::vector<Net> v6;
  for (at = 0; at < count_; at++) {
    Net n;
    n.pattern = &patterns_[at];
    bool wide = false;
    if (!read_network(n.pattern->key, options_.resolve, n.net, n.mask, wide)) {
      error = fmt::format("'{}' is not a valid IPv4 or IPv6 address", n.pattern->key);
      return false;
    }
    (wide ? v6 : v4).push_back(n);
  }
  group_networks(v4_, std::move(v4));
  group_networks(v6_, std::move(v6));
  return true;
}

void PatternSet::group_networks(Nets& nets, std::vector<Net> all) {
  std::stable_sort(all.begin(), all.end(), [](const Net& a, const Net& b) {
    int by_mask = compare(b.mask, a.mask);
    return by_mask ? by_mask < 0 : compare(a.net, b.net) < 0;
  });
  nets.count = static_cast<uint32_t>(all.size());
  nets.nets = static_cast<Net*>(arena_.alloc(sizeof(Net) * all.size(), alignof(Net)));
  for (uint32_t i = 0; i < nets.count; i++) {
    new (nets.nets + i) Net(all[i]);
    if (i == 0 || compare(all[i].mask, all[i - 1].mask)) nets.groups.push(arena_, {all[i].mask, i, i});
    nets.groups[nets.groups.size - 1].end = i + 1;
  }
}

uint32_t PatternSet::hash(Str s) const {
  if (!options_.icase) return static_cast<uint32_t>(hash_xxh3(s, 0));
  uint32_t h = 2166136261u;
  for (char c : s) h = (h ^ static_cast<uint8_t>(lower(c))) * 16777619u;
  return h;
}

void PatternSet::index_texts() {
  if (count_ <= kSmall) return;
  std::vector<uint32_t> lengths;
  uint32_t size = 32;
  while (size < count_ * 2) size *= 2;
  bucket_mask_ = size - 1;
  buckets_ = arena_.array<uint32_t>(size);
  for (uint32_t i = 0; i < count_; i++) {
    uint32_t at = hash(patterns_[i].key) & bucket_mask_;
    while (buckets_[at] && !equal(patterns_[buckets_[at] - 1].key, patterns_[i].key)) at = (at + 1) & bucket_mask_;
    if (!buckets_[at]) buckets_[at] = i + 1;
    lengths.push_back(static_cast<uint32_t>(patterns_[i].key.size()));
  }
  std::sort(lengths.begin(), lengths.end(), std::greater<>());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  for (uint32_t n : lengths) lengths_.push(arena_, n);
}

const Pattern* PatternSet::find_hashed(Str s) const {
  for (uint32_t at = hash(s) & bucket_mask_; buckets_[at]; at = (at + 1) & bucket_mask_)
    if (equal(patterns_[buckets_[at] - 1].key, s)) return &patterns_[buckets_[at] - 1];
  return nullptr;
}

// The longest beginning or end of `s` that is a pattern.
const Pattern* PatternSet::find_affix(Str s) const {
  const bool beginning = options_.method == Method::beg;
  if (!buckets_) {
    const Pattern* best = nullptr;
    for (const Pattern& p : *this)
      if ((!best || p.key.size() > best->key.size()) && matches(p, s, nullptr)) best = &p;
    return best;
  }
  for (uint32_t n : lengths_) {
    if (n > s.size()) continue;
    if (const Pattern* p = find_hashed(beginning ? s.substr(0, n) : s.substr(s.size() - n))) return p;
  }
  return nullptr;
}

const Pattern* PatternSet::find_network(const Nets& nets, const in6_addr& address) const {
  for (const Group& g : nets.groups) {
    in6_addr masked;
    for (int i = 0; i < 16; i++) masked.s6_addr[i] = address.s6_addr[i] & g.mask.s6_addr[i];
    const Net* end = nets.nets + g.end;
    const Net* begin = nets.nets + g.begin;
    const Net* it =
        std::lower_bound(begin, end, masked, [](const Net& n, const in6_addr& a) { return compare(n.net, a) < 0; });
    if (it != end && compare(it->net, masked) == 0) return it->pattern;
  }
  return nullptr;
}

// An IPv4 address is also looked for in its mapped IPv6 form, and an IPv6 address that contains an IPv4 one in that.
const Pattern* PatternSet::find_address(const Value& value) const {
  Arena none;  // these casts take nothing from it
  Value other = value;
  if (value.type == Type::ipv4) {
    if (const Pattern* p = find_network(v4_, widen(value.v4))) return p;
    if (!v6_.count || !cast(other, Type::ipv6, none)) return nullptr;
    return find_network(v6_, other.v6);
  }
  if (value.type != Type::ipv6) return nullptr;
  if (const Pattern* p = find_network(v6_, value.v6)) return p;
  if (!v4_.count || !cast(other, Type::ipv4, none)) return nullptr;
  return find_network(v4_, widen(other.v4));
}

bool PatternSet::matches(const Pattern& p, Str s, Match* groups) const {
  switch (options_.method) {
    case Method::str:
    case Method::verb: return equal(p.key, s);
    case Method::bin: return p.bytes == s;
    case Method::beg: return s.size() >= p.key.size() && equal(s.substr(0, p.key.size()), p.key);
    case Method::end: return s.size() >= p.key.size() && equal(s.substr(s.size() - p.key.size()), p.key);
    case Method::sub: return contains(s, p.key, options_.icase);
    case Method::dir:
    case Method::dom: return has_word(s, p.bytes, delimiters(options_.method), options_.icase);
    case Method::group: return in_list(s, p.key);
    case Method::reg:
    case Method::regm: {
      Match m = p.regex->match(s);
      if (m && groups) *groups = m;
      return static_cast<bool>(m);
    }
    default: return false;
  }
}

const Pattern* PatternSet::find_listed(Str s, Match* groups) const {
  for (const Pattern& p : *this)
    if (matches(p, s, groups)) return &p;
  return nullptr;
}

const Pattern* PatternSet::find(const Value& value, Match* groups) const {
  switch (options_.method) {
    case Method::found:
    case Method::boolean: return nullptr;
    case Method::ip: return find_address(value);
    case Method::integer:
    case Method::version:
    case Method::len: {
      int64_t n = options_.method == Method::len ? static_cast<int64_t>(value.str.size()) : value.integer;
      for (const Pattern& p : *this)
        if (n >= p.min && n <= p.max) return &p;
      return nullptr;
    }
    case Method::beg:
    case Method::end: return find_affix(value.str);
    case Method::str:
      if (buckets_) return find_hashed(value.str);
      [[fallthrough]];
    default: return find_listed(value.str, groups);
  }
}

}  // namespace weir::expr
