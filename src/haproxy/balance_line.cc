// `balance`, `hash-type`, `hash-balance-factor`, `hash-preserve-affinity`: how requests are spread over servers.
#include "haproxy/balance.h"

#include <fmt/format.h>

#include <algorithm>

#include "haproxy/bind.h"
#include "haproxy/log_backend.h"
#include "haproxy/lua_hooks.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

constexpr Str kKnown =
    "'balance' only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hash', "
    "'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'sticky' options.";

// The line as it is read: its words behind the algorithm, and where problems are told.
struct Line {
  Scope& scope;
  const Word& word;  // the algorithm, with what is in parentheses
  Str inside;
  bool has_parentheses;
  Words args;
  Balance& out;

  void fail(const Word& at, std::string text, std::string remedy, Str product) const {
    scope.error(at.where, std::move(text), std::move(remedy), fmt::format("balance {}", product));
  }
  bool number(const Word& at, uint32_t least, uint32_t& n) const {
    auto v = parse_u64(at.text);
    if (!v || *v < least || *v > INT32_MAX) return false;
    n = static_cast<uint32_t>(*v);
    return true;
  }
  const expr::Expr* expression(Str text, const Word& at) const {
    ParseEnv env = scope.env();
    SampleError error;
    const expr::Expr* e = parse_sample_text(text, env, at.where, error);
    if (!e)
      scope.error(at_byte(at, error.at, error.length), error.text, error.remedy);
    else if (!require_available(*e, kAtServerChoice, at.where, scope.diag))
      return nullptr;
    return e;
  }
};

void no_arguments(const Line& line) {
  if (!line.args.empty())
    line.scope.warning(line.args[0].where, fmt::format("'balance {}' takes no arguments", line.word.text));
}

void read_random(const Line& line) {
  no_arguments(line);
  if (!line.has_parentheses || line.inside.empty()) return;
  if (auto n = parse_u64(line.inside); !n)
    line.fail(line.word, fmt::format("'{}' is not a number of draws", line.inside), "write: random(2)",
              fmt::format("random : unexpected character '{}' after argument.", line.inside.substr(0, 1)));
  else if (*n < 1)
    line.fail(line.word, "a server is drawn once at least", {}, "random : number of draws must be at least 1.");
  else
    line.out.draws = static_cast<uint32_t>(std::min<uint64_t>(*n, 1000));
}

void read_source(const Line& line) {
  no_arguments(line);
  line.out.expr = line.expression("src", line.word);
}

void read_uri(const Line& line) {
  for (size_t i = 0; i < line.args.size(); i++) {
    const Word& w = line.args[i];
    if (w == "whole") {
      line.out.whole = true;
    } else if (w == "path-only") {
      line.out.path_only = true;
    } else if (w == "len" || w == "depth") {
      const Word& value = i + 1 < line.args.size() ? line.args[i + 1] : w;
      if (i + 1 == line.args.size() || !line.number(value, 1, w == "len" ? line.out.length : line.out.depth))
        return line.fail(value, fmt::format("'{}' takes a number above 0", w.text), {},
                         fmt::format("uri : '{}' expects a positive integer (got '{}').", w.text,
                                     i + 1 < line.args.size() ? value.text : Str()));
      i++;
    } else {
      return line.fail(
          w, fmt::format("'balance uri' knows no '{}'", w.text), "len, depth, path-only or whole",
          fmt::format("uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{}').", w.text));
    }
  }
}

void read_url_param(const Line& line) {
  if (line.args.empty())
    return line.fail(line.word, "which parameter of the URL?", "write: balance url_param userid",
                     "url_param requires an URL parameter name.");
  line.out.name = line.scope.keep(line.args[0].text);
  if (line.args.size() == 1) return;
  if (line.args[1] != "check_post")
    return line.fail(line.args[1], fmt::format("'{}' is not 'check_post'", line.args[1].text), {},
                     fmt::format("url_param only accepts 'check_post' modifier (got '{}').", line.args[1].text));
  line.out.check_post = true;
}

void read_hdr(const Line& line) {
  if (line.inside.empty())
    return line.fail(line.word, "which header?", "write: balance hdr(Host)", "hdr requires an http header field name.");
  line.out.name = line.scope.keep(line.inside);
  if (line.args.empty()) return;
  if (line.args[0] != "use_domain_only")
    return line.fail(
        line.args[0], fmt::format("'{}' is not 'use_domain_only'", line.args[0].text), {},
        fmt::format("{} only accepts 'use_domain_only' modifier (got '{}').", line.word.text, line.args[0].text));
  line.out.domain_only = true;
}

void read_rdp_cookie(const Line& line) {
  no_arguments(line);
  if (line.has_parentheses && line.inside.empty())
    return line.fail(line.word, "which cookie?", "write: rdp-cookie(mstshash)", "rdp-cookie : missing cookie name.");
  Str name = line.has_parentheses ? line.inside : Str("mstshash");
  line.out.expr = line.expression(line.scope.keep(fmt::format("req.rdp_cookie({})", name)), line.word);
}

void read_hash(const Line& line) {
  if (line.args.empty())
    return line.fail(line.word, "which expression?", "write: balance hash src", "hash requires a sample expression.");
  if (line.args.size() > 1)
    return line.fail(line.args[1], "one expression is hashed", "join converters with commas, or quote the expression",
                     fmt::format("hash takes no other argument (got '{}').", line.args[1].text));
  line.out.expr = line.expression(line.args[0].text, line.args[0]);
}

// maglev [<expression>] [size <number>], weir's own.
void read_maglev(const Line& line) {
  Words args = line.args;
  bool own = !args.empty() && args[0] != "size";
  line.out.expr = line.expression(own ? args[0].text : Str("src"), own ? args[0] : line.word);
  args = args.subspan(own);
  if (args.empty()) return;
  if (args[0] != "size" || args.size() != 2)
    return line.fail(args[0], fmt::format("'{}' is out of place", args[0].text),
                     "write: balance maglev [<expression>] [size <number>]", "maglev : unexpected argument.");
  if (!line.number(args[1], 3, line.out.table) || !model::is_prime(line.out.table))
    line.fail(args[1], "the table's size is a prime number", "65537, or 655373 for hundreds of servers",
              "maglev : the size must be a prime number.");
}

void read_log_hash(const Line& line) {
  if (line.args.empty())
    return line.fail(line.word, "which part of a message?", "write: balance log-hash 'field(1)'",
                     "log-hash requires a converter list.");
  line.out.expr = parse_log_key(line.scope, line.args[0]);
}

struct Known {
  Str name;
  Algorithm algorithm;
  void (*read)(const Line& line);
  bool http = false;  // needs an HTTP request
};
constexpr Known kAlgorithms[] = {
    {"roundrobin", Algorithm::roundrobin, no_arguments},
    {"static-rr", Algorithm::static_rr, no_arguments},
    {"leastconn", Algorithm::leastconn, no_arguments},
    {"first", Algorithm::first, no_arguments},
    {"source", Algorithm::source, read_source},
    {"uri", Algorithm::uri, read_uri, true},
    {"url_param", Algorithm::url_param, read_url_param, true},
    {"hdr", Algorithm::hdr, read_hdr, true},
    {"random", Algorithm::random, read_random},
    {"rdp-cookie", Algorithm::rdp_cookie, read_rdp_cookie},
    {"hash", Algorithm::hash, read_hash},
    {"sticky", Algorithm::sticky, no_arguments},
    {"wrr", Algorithm::wrr, no_arguments},
    {"maglev", Algorithm::maglev, read_maglev},
    {"peak-ewma", Algorithm::peak_ewma, no_arguments},
    {"log-hash", Algorithm::log_hash, read_log_hash},
};

void unknown(Scope& scope, const Word& word) {
  std::vector<Str> names;
  for (const Known& k : kAlgorithms) names.push_back(k.name);
  Str near = config::nearest(word.text, names);
  scope.error(word.where, fmt::format("'{}' is not a way of balancing", word.text),
              near.empty() ? std::string() : fmt::format("did you mean '{}'?", near), std::string(kKnown));
}

void bind_balance(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (args.empty()) {  // as if nothing were said
    scope.proxy->s.balance = {};
    return;
  }
  const Word& word = args[0];
  size_t open = word.text.find('(');
  Str name = word.text.substr(0, open);
  if (word.text.starts_with("lua.")) {
    Balance balance;
    balance.algorithm = Algorithm::lua;
    balance.hook = find_lua_hook(scope, "balance", word);
    scope.proxy->s.balance = balance;
    return;
  }
  for (const Known& k : kAlgorithms) {
    if (k.name != name) continue;
    bool takes_parentheses = k.read == read_random || k.read == read_hdr || k.read == read_rdp_cookie;
    if (open != Str::npos && (!takes_parentheses || !word.text.ends_with(')'))) return unknown(scope, word);
    Str inside = open == Str::npos ? Str() : word.text.substr(open + 1, word.text.size() - open - 2);
    Balance balance;
    balance.algorithm = k.algorithm;
    k.read({scope, word, inside, open != Str::npos, args.subspan(1), balance});
    scope.proxy->s.balance = balance;
    return;
  }
  unknown(scope, word);
}

// --- hash-type and what goes with it ---

struct Function {
  Str name;
  HashFunction function;
};
constexpr Function kFunctions[] = {
    {"sdbm", HashFunction::sdbm},   {"djb2", HashFunction::djb2}, {"wt6", HashFunction::wt6},
    {"crc32", HashFunction::crc32}, {"none", HashFunction::none},
};

void bind_hash_type(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  HashRules& rules = scope.proxy->s.hash;
  Words args = args_of(d, row);
  auto fail = [&](const Word& at, Str known) {
    scope.error(at.where, fmt::format("'{}' is out of place", at.text), std::string(known),
                fmt::format("'hash-type' only supports {}.", known));
  };
  if (args[0] != "consistent" && args[0] != "map-based") return fail(args[0], "'consistent' and 'map-based'");
  rules.consistent = args[0] == "consistent";
  rules.function = HashFunction::sdbm;
  rules.avalanche = rules.consistent && args.size() == 1;
  if (args.size() == 1) return;
  auto* found =
      std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const Function& f) { return args[1] == f.name; });
  if (found == std::end(kFunctions)) return fail(args[1], "'sdbm', 'djb2', 'crc32', or 'wt6' hash functions");
  rules.function = found->function;
  if (args.size() == 2) return;
  if (args[2] != "avalanche") return fail(args[2], "'avalanche' as a modifier for hash functions");
  rules.avalanche = true;
}

void bind_balance_factor(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  auto n = parse_u64(word.text);
  if (!n || (*n != 0 && *n <= 100) || *n > INT32_MAX)
    scope.error(word.where, fmt::format("'{}' is not 0 or a percentage above 100", word.text), "125 to 200 are usual",
                "'hash-balance-factor' must be 0 or greater than 100.");
  else
    scope.proxy->s.hash.balance_factor = static_cast<uint32_t>(*n);
}

void bind_affinity(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  if (word == "always" || word == "maxconn" || word == "maxqueue") {
    scope.proxy->s.hash.leaves_full = word == "maxconn";
    scope.proxy->s.hash.leaves_full_queue = word == "maxqueue";
  } else {
    scope.error(word.where, fmt::format("'{}' is no reason to leave a server", word.text),
                "always, maxconn or maxqueue",
                fmt::format("'hash-preserve-affinity': unknown keyword '{}'", word.text));
  }
}

constexpr Row kRows[] = {
    {"balance", kBackends, 0, -1, Block::none, Inherit::copy, bind_balance, "[ <algorithm> [ <arguments> ] ]",
     "how requests are spread over the servers"},
    {"hash-type", kBackends, 1, 3, Block::none, Inherit::copy, bind_hash_type, "<method> <function> <modifier>",
     "how hashes are mapped to servers"},
    {"hash-balance-factor", kBackends, 1, 1, Block::none, Inherit::copy, bind_balance_factor, "<factor>",
     "how far above the average load a consistent hash may fill a server"},
    {"hash-preserve-affinity", kBackends, 1, 1, Block::none, Inherit::copy, bind_affinity,
     "{ always | maxconn | maxqueue }", "whether a hash keeps a full server or moves on"},
};

}  // namespace

bool needs_http(const Balance& balance) {
  return std::any_of(std::begin(kAlgorithms), std::end(kAlgorithms),
                     [&](const Known& k) { return k.algorithm == balance.algorithm && k.http; });
}

const config::Table kBalanceTable = kRows;

}  // namespace weir::haproxy
