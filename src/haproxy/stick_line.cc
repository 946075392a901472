// The words stick-table, stick match, stick on, stick store-request and stick store-response.
#include <errno.h>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <iterator>

#include "config/place.h"
#include "haproxy/bind.h"
#include "haproxy/peers.h"
#include "haproxy/stick.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

using sticky::Datum;
using sticky::DatumKind;
using sticky::StickTable;

// What `len` begins with. HAProxy counts the byte that ends a text here, and not where `len` is written.
constexpr uint32_t kUsualLength = 32;
constexpr uint32_t kMostEntries = 1u << 28;
constexpr uint32_t kMostOfArray = 100;

struct TableLine {
  Scope& scope;
  Words words;
  StickTable& table;
  bool in_peers = false;  // in a peers section, which it belongs to
  size_t at = 0;
  const Word* wanted_peers = nullptr;
  bool has_size = false;  // be it a wrong one
  bool has_type = false;

  // Tells everything that is wrong with the line.
  bool parse();

 private:
  bool option();
  bool type();
  bool length();
  bool data(const Word& word);
  bool datum(const Word& word, Str text);
  bool read_datum(const Where& where, Str name, const sticky::DatumInfo& info, Str arguments, uint32_t& count,
                  uint32_t& period);
  bool exclusive(const Word& word);
  const Word* argument();
  bool wrong(const Where& where, std::string text, std::string remedy, std::string product);
};

// The last one is no option of a peers section's tables.
constexpr Str kOptions[] = {"type",  "size",   "expire",   "nopurge",       "recv-only",
                            "store", "srvkey", "write-to", "brates-factor", "peers"};

bool is_option(Str word) {
  return std::find(std::begin(kOptions), std::end(kOptions), word) != std::end(kOptions);
}

bool TableLine::wrong(const Where& where, std::string text, std::string remedy, std::string product) {
  scope.error(where, std::move(text), std::move(remedy), fmt::format("stick-table: {}", product));
  return false;
}

// The word behind an option; null after saying that there is none.
const Word* TableLine::argument() {
  const Word& option = words[at++];
  if (at < words.size()) return &words[at++];
  wrong(option.where, fmt::format("'{}' lacks its argument", option.text), "write its value behind it",
        fmt::format("missing argument after '{}'.", option.text));
  return nullptr;
}

bool TableLine::length() {
  table.key_size = table.type == expr::Type::string ? kUsualLength - 1 : kUsualLength;
  if (at >= words.size() || words[at] != Str("len")) return true;
  const Word* value = argument();
  uint64_t n = 0;
  if (!value || !read_number(scope, *value, "len", 1, 65535, n)) return false;
  table.key_size = static_cast<uint32_t>(n);
  return true;
}

bool TableLine::type() {
  const Word* word = argument();
  if (!word) return false;
  struct Named {
    Str name;
    expr::Type type;
    uint32_t size;
  };
  constexpr Named kTypes[] = {{"ip", expr::Type::ipv4, 4},       {"ipv4", expr::Type::ipv4, 4},
                              {"ipv6", expr::Type::ipv6, 16},    {"integer", expr::Type::integer, 4},
                              {"string", expr::Type::string, 0}, {"binary", expr::Type::binary, 0}};
  for (const Named& t : kTypes) {
    if (*word != t.name) continue;
    table.type = t.type;
    table.key_size = t.size;
    return t.size || length();
  }
  return wrong(word->where, fmt::format("'{}' is no type of keys", word->text),
               "ip, ipv6, integer, string [len <length>] or binary [len <length>]",
               fmt::format("unknown type '{}'.", word->text));
}

// What stands in the parentheses of one element of `store`.
bool TableLine::read_datum(const Where& where, Str name, const sticky::DatumInfo& info, Str arguments, uint32_t& count,
                           uint32_t& period) {
  if (info.array) {
    auto n = parse_u64(cut(arguments, ','));
    if (!n || *n < 1 || *n > kMostOfArray)
      return wrong(where, fmt::format("'{}' takes from 1 to {} elements", name, kMostOfArray),
                   fmt::format("write {}(<elements>{})", name, info.kind == DatumKind::rate ? ",<period>" : ""),
                   fmt::format("array size is out of allowed range (1-{}) for store option '{}'.", kMostOfArray, name));
    count = static_cast<uint32_t>(*n);
  }
  if (info.kind == DatumKind::rate) {
    uint64_t us = 0;
    std::string problem;
    if (!expr::parse_time_us(arguments, 1000, us, problem) || us < 1000 || us / 1000 > INT32_MAX)
      return wrong(where, fmt::format("'{}' is no period for '{}'", arguments, name),
                   "a number with ms, s, m, h or d; without a unit it is milliseconds",
                   fmt::format("missing argument to store option '{}'.", name));
    period = static_cast<uint32_t>(us / 1000);
  }
  return true;
}

// One element of `store`, "conn_rate(30s)", which is part of the word.
bool TableLine::datum(const Word& word, Str text) {
  const Where where = config::inside(word.where, static_cast<size_t>(text.data() - word.text.data()), text.size());
  Str arguments = text;
  Str name = cut(arguments, '(');
  const bool open = name.size() < text.size();
  if (open && !arguments.ends_with(')'))
    return wrong(where, fmt::format("the parenthesis of '{}' is not closed", name), fmt::format("write {})", text),
                 fmt::format("missing closing parenthesis after store option '{}'.", name));
  if (open) arguments.remove_suffix(1);
  auto known = sticky::find_datum(name);
  if (!known) {
    std::vector<Str> names;
    for (size_t i = 0; i < sticky::kData; i++) names.push_back(sticky::info_of(static_cast<Datum>(i)).name);
    const Str near = config::nearest(name, names);
    return wrong(
        where, fmt::format("'{}' is nothing that a table stores", name),
        near.empty() ? fmt::format("one of: {}", fmt::join(names, ", ")) : fmt::format("did you mean {}?", near),
        fmt::format("unknown store option '{}'.", name));
  }
  const sticky::DatumInfo& info = sticky::info_of(*known);
  const bool rated = info.kind == DatumKind::rate;
  if (open && !info.array && !rated)
    return wrong(where, fmt::format("'{}' takes no argument", name), fmt::format("write {}", name),
                 fmt::format("unexpected argument to store option '{}'.", name));
  if (!open && (info.array || rated))
    return wrong(where, fmt::format("'{}' lacks its argument", name),
                 fmt::format("write {}({}{}{})", name, info.array ? "<elements>" : "", info.array && rated ? "," : "",
                             rated ? "<period>" : ""),
                 fmt::format("missing argument to store option '{}'.", name));
  uint32_t count = 1, period = 0;
  if (!read_datum(where, name, info, arguments, count, period)) return false;
  if (!table.add(*known, count, period))
    scope.warning(where, fmt::format("'{}' is stored already", name), {},
                  fmt::format("stick-table: store option '{}' already enabled, ignored.", name));
  return true;
}

// What an array takes the place of cannot be stored beside it.
bool TableLine::exclusive(const Word& word) {
  bool good = true;
  for (auto [array, one] :
       {std::pair{Datum::gpt, Datum::gpt0}, std::pair{Datum::gpc, Datum::gpc0}, std::pair{Datum::gpc, Datum::gpc1},
        std::pair{Datum::gpc_rate, Datum::gpc0_rate}, std::pair{Datum::gpc_rate, Datum::gpc1_rate}}) {
    const Str all = sticky::info_of(array).name, single = sticky::info_of(one).name;
    if (table.has(array) && table.has(one))
      good = wrong(word.where, fmt::format("'{}' and '{}' exclude each other", all, single),
                   fmt::format("leave out {}: an element of {} does the same", single, all),
                   fmt::format("simultaneous usage of '{0}' and '{1}' in a same table is not permitted as '{0}' "
                               "overrides '{1}'.",
                               all, single));
  }
  return good;
}

// A list with commas, of which those inside parentheses separate nothing.
bool TableLine::data(const Word& word) {
  Str rest = word.text;
  bool good = true;
  while (!rest.empty()) {
    size_t end = 0, depth = 0;
    for (; end < rest.size() && (depth || rest[end] != ','); end++)
      depth = rest[end] == '(' ? depth + 1 : rest[end] == ')' && depth ? depth - 1 : depth;
    good = datum(word, rest.substr(0, end)) && good;
    rest = rest.substr(std::min(rest.size(), end + 1));
  }
  return exclusive(word) && good;
}

bool TableLine::option() {
  const Word& word = words[at];
  uint64_t n = 0;
  if (word == "type") return has_type = true, type();
  if (word == "nopurge") return at++, table.nopurge = true;
  if (word == "recv-only") return at++, table.recv_only = true;
  if (word == "size") {
    has_size = true;
    const Word* value = argument();
    if (!value || !read_size(scope, *value, "size", n)) return false;
    if (n < 1 || n > kMostEntries)
      return wrong(value->where, "a table has from 1 to 2^28 entries", "a number, which k, m or g may follow",
                   "missing size.");
    table.size = static_cast<uint32_t>(n);
    return true;
  }
  if (word == "expire") {
    const Word* value = argument();
    return value && read_time_ms(scope, *value, "expire", table.expire_ms);
  }
  if (word == "store") {
    const Word* value = argument();
    return value && data(*value);
  }
  if (word == "srvkey") {
    const Word* value = argument();
    if (!value) return false;
    if (*value != Str("name") && *value != Str("addr"))
      return wrong(value->where, fmt::format("'{}' is neither name nor addr", value->text), "name or addr",
                   fmt::format("unknown server key type '{}'.", value->text));
    table.server_key = *value == "addr" ? sticky::ServerKey::address : sticky::ServerKey::name;
    return true;
  }
  if (word == "write-to") {
    const Word* value = argument();
    if (value) table.write_to = value->text;
    return value;
  }
  if (word == "peers" && !in_peers) {
    const Word* value = argument();
    if (value) wanted_peers = value;
    return value;
  }
  if (word == "brates-factor") {
    scope.planned(word.where, fmt::format("stick-table … {}", word.text));
    return argument();
  }
  at++;
  const std::vector<Str> known(std::begin(kOptions), std::end(kOptions) - in_peers);
  const Str near = config::nearest(word.text, known);
  return wrong(word.where, fmt::format("'{}' is not an option of tables", word.text),
               near.empty() ? fmt::format("one of: {}", fmt::join(known, ", ")) : fmt::format("did you mean {}?", near),
               fmt::format("unknown argument '{}'.", word.text));
}

bool TableLine::parse() {
  bool good = true;
  while (at < words.size()) {
    const size_t from = at;
    if (option()) continue;
    good = false;
    // What follows an unknown word, or an option in place of a value, may belong to it.
    if (at == from + 1 || is_option(words[at - 1].text))
      while (at < words.size() && !is_option(words[at].text)) at++;
  }
  if (!has_size) good = wrong(words[0].where, "the table lacks its size", "write size <entries>", "missing size.");
  if (!has_type)
    good = wrong(words[0].where, "the table lacks its type", "write type ip, ipv6, integer, string or binary",
                 "missing type.");
  return good;
}

const Proxy* owner_of_table(const Scope& scope, Str name) {
  for (bool front : {true, false})
    if (const Proxy* p = scope.global.find_proxy(name, front); p && p->table) return p;
  return nullptr;
}

void bind_table(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Proxy* owner = scope.proxy->table ? scope.proxy : owner_of_table(scope, scope.proxy->name);
  if (owner) {
    const Where& there = owner->table->where;
    scope.error(d.where,
                fmt::format("the {} '{}' has a table of that name already", kind_name(owner->kind), owner->name),
                fmt::format("it is at {}:{}", there.source->path, there.line),
                fmt::format("stick-table name '{}' conflicts with table declared in {} '{}' at {}:{}.",
                            scope.proxy->name, kind_name(owner->kind), owner->name, there.source->path, there.line));
    return;
  }
  auto* table = scope.arena.own<StickTable>();
  table->name = scope.proxy->name;
  table->where = d.where;
  TableLine line{scope, args_of(d, row), *table};
  line.parse();
  scope.proxy->table = table;  // a wrong one as well: it is there for whoever names it
  if (line.wanted_peers) scope.global.shared_tables.emplace_back(*line.wanted_peers, table);
}

void bind_stick(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  StickRule rule;
  rule.where = d.where;
  rule.on_response = row.name == "stick store-response";
  rule.matches = row.name == "stick match" || row.name == "stick on";
  rule.stores = row.name != "stick match";
  const Place& place = rule.on_response ? kAtStore : kAtServerChoice;
  ParseEnv env = scope.env();
  size_t at = 0;
  rule.sample = parse_sample_words(args, at, env);
  if (!rule.sample || !require_available(*rule.sample, place, args[0].where, scope.diag)) return;
  rule.table_name = scope.proxy->name;
  if (at < args.size() && args[at] == "table") {
    if (at + 1 >= args.size()) {
      scope.error(args[at].where, "'table' lacks the table's name", {},
                  fmt::format("'{}' missing table name.", row.name));
      return;
    }
    rule.table_name = args[at + 1].text;
    at += 2;
  }
  if (at < args.size()) {
    if (find_condition(args, at) != at) {
      scope.error(args[at].where, fmt::format("'{}' is not expected here", args[at].text),
                  "a condition begins with 'if' or 'unless'",
                  fmt::format("'{}': unexpected argument '{}'.", row.name, args[at].text));
      return;
    }
    rule.condition = scope.proxy->acls.condition(args.subspan(at), place, env);
    if (!rule.condition) return;
  }
  scope.proxy->sticks.push_back(rule);
}

constexpr ContextMask kSections = kFrontend | kListen | kBackend;
constexpr ContextMask kBacks = kListen | kBackend;
constexpr Str kSyntax = "<pattern> [table <table>] [{if | unless} <condition>]";

constexpr Row kRows[] = {
    {"stick-table", kSections, 4, -1, Block::none, Inherit::none, bind_table,
     "type <type> size <size> [expire <expire>] [nopurge] [recv-only] [peers <peersect>] [srvkey <srvkey>] [write-to "
     "<wtable>] [store <data_type>]*",
     "table of keys and counters of this proxy, shared by all workers"},
    {"stick match", kBacks, 1, -1, Block::none, Inherit::none, bind_stick, kSyntax,
     "find the server of a request in a table"},
    {"stick on", kBacks, 1, -1, Block::none, Inherit::none, bind_stick, kSyntax,
     "find and store the server of a request in a table"},
    {"stick store-request", kBacks, 1, -1, Block::none, Inherit::none, bind_stick, kSyntax,
     "store the server of a request in a table"},
    {"stick store-response", kBacks, 1, -1, Block::none, Inherit::none, bind_stick, kSyntax,
     "store the server of a request in a table, under a key from its response"},
};

void find_rule_table(Scope& scope, const Proxy& p, StickRule& rule) {
  StickTable* table = find_table(scope, rule.table_name);
  if (!table) {
    scope.error(rule.where, fmt::format("there is no stick table '{}'", rule.table_name),
                "write stick-table into the proxy of that name",
                fmt::format("Proxy '{}': unable to find stick-table '{}'.", p.name, rule.table_name));
    return;
  }
  const bool typed = table->type != expr::Type::absent;  // else that was told
  if (typed && !is_planned(*rule.sample) && !expr::can_cast(rule.sample->type, table->type)) {
    scope.error(
        rule.where,
        fmt::format("'{}' is no key for the table '{}', whose keys are of type {}", rule.sample->text, table->name,
                    table->type_name()),
        {},
        fmt::format("Proxy '{}': type of fetch not usable with type of stick-table '{}'.", p.name, rule.table_name));
    return;
  }
  rule.table = table;
  // What rules look for is stored whether or not the table says so.
  for (Datum d : {Datum::server_id, Datum::server_key}) table->add(d, 1, 0);
}

// `write-to`: what peers tell goes into another table as well.
void find_copy(Scope& scope, StickTable& table) {
  if (table.write_to.empty()) return;
  StickTable* other = find_table(scope, table.write_to);
  const bool typed = other && other->type != expr::Type::absent && table.type != expr::Type::absent;
  const bool fits =
      other && other != &table && (!typed || (other->type == table.type && other->key_size == table.key_size));
  if (fits)
    table.copied_to = other;
  else
    scope.error(table.where, fmt::format("'{}' is no other table with keys of the same type", table.write_to), {},
                fmt::format("write-to: table '{}' does not exist.", table.write_to));
}

}  // namespace

StickTable* find_table(const Scope& scope, Str name) {
  if (const Proxy* owner = owner_of_table(scope, name)) return owner->table;
  return find_peers_table(scope, name);
}

StickTable* read_table_line(Scope& scope, const Directive& d, Words words, Str name) {
  auto* table = scope.arena.own<StickTable>();
  table->name = name;
  table->where = d.where;
  return TableLine{scope, words, *table, true}.parse() ? table : nullptr;
}

void resolve_sticks(Scope& scope) {
  for (Proxy* p : scope.global.proxies) {
    for (StickRule& rule : p->sticks) {
      find_rule_table(scope, *p, rule);
      if (rule.on_response && !p->http()) scope.planned(rule.where, "stick store-response in tcp mode");
    }
  }
  std::vector<StickTable*> all;
  for (const Proxy* p : scope.global.proxies)
    if (p->table) all.push_back(p->table);
  add_peers_tables(scope, all);
  for (StickTable* t : all) find_copy(scope, *t);
  share_tables(scope);
  const bool maps = !scope.options.offline && !scope.options.check_only && !scope.diag.failed();
  for (StickTable* t : all) {
    scope.model.stick_tables.push_back(t);
    if (maps && !t->open())
      scope.error(t->where, fmt::format("no memory for the stick table '{}': {}", t->name, strerror(errno)));
  }
  if (maps && !scope.diag.failed()) make_peers(scope);
}

const config::Table kStickTable = kRows;

}  // namespace weir::haproxy
