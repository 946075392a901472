// Commands about stick tables: what they hold (show table), what of it goes (clear table), and entries made by hand (set table).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/command.h"
#include "stats/rate.h"
#include "sticky/stick_table.h"

namespace weir::control {
namespace {

using sticky::Datum;
using sticky::DatumKind;
using sticky::StickTable;
using sticky::Table;

constexpr size_t kMostFilters = 4;

// `data.gpt[1]`
struct Field {
  Datum datum;
  uint32_t index;
};

struct Filter {
  Field field;
  Str op;
  int64_t value;

  bool matches(const StickTable& t, Table::Entry& e, uint64_t now) const {
    if (field.index >= t.store(field.datum).count) return false;
    auto have = static_cast<int64_t>(t.value(e, field.datum, field.index, now));
    if (op == "eq") return have == value;
    if (op == "ne") return have != value;
    if (op == "le") return have <= value;
    if (op == "ge") return have >= value;
    return op == "lt" ? have < value : have > value;
  }
};

// The datum that the word names; nothing where it is none.
std::optional<Field> parse_field(Str word) {
  if (!word.starts_with("data.")) return std::nullopt;
  Str name = word.substr(5);
  Str index_text = name;
  name = cut(index_text, '[');
  uint64_t index = 0;
  if (index_text.ends_with(']')) {
    index_text.remove_suffix(1);
    index = parse_u64(index_text).value_or(UINT32_MAX);
  }
  auto datum = sticky::find_datum(name);
  if (!datum) return std::nullopt;
  return Field{*datum, static_cast<uint32_t>(std::min<uint64_t>(index, UINT32_MAX))};
}

std::optional<int64_t> parse_value(Str text) {
  int64_t n = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

bool is_operator(Str op) {
  constexpr Str kAll[] = {"eq", "ne", "le", "ge", "lt", "gt"};
  return std::find(std::begin(kAll), std::end(kAll), op) != std::end(kAll);
}

// Filters from word 3 on; false after saying what is wrong.
bool parse_filters(Call& call, const StickTable& t, std::vector<Filter>& filters) {
  size_t at = 3;
  for (size_t i = 0; i < kMostFilters && (i == 0 || !call.word(at).empty()); i++, at += 3) {
    auto wrong = [&](Str what) {
      call.refuse(fmt::format("Filter entry #{}: {}\n", i + 1, what));
      return false;
    };
    auto field = parse_field(call.word(at));
    if (!field) return wrong("Unknown data type");
    if (!t.has(field->datum)) return wrong("Data type not stored in this table");
    if (!is_operator(call.word(at + 1)))
      return wrong(R"(Require and operator among "eq", "ne", "le", "ge", "lt", "gt")");
    auto value = parse_value(call.word(at + 2));
    if (!value) return wrong("Require a valid integer value to compare against");
    filters.push_back({*field, call.word(at + 1), *value});
  }
  if (call.word(at).empty()) return true;
  call.refuse(
      fmt::format("Detected extra data in filter, {}th word of input, after '{}'\n", at + 1, call.word(at - 1)));
  return false;
}

void write_head(std::string& out, const StickTable& t, uint64_t now) {
  out += fmt::format("# table: {}, type: {}, size:{}, used:{}\n", t.name, t.type_name(), t.size, t.table.used(now));
}

// "gpc1_rate" of the array "gpc_rate".
std::string element_name(Str name, uint32_t index) {
  size_t underscore = std::min(name.find('_'), name.size());
  return fmt::format("{}{}{}", name.substr(0, underscore), index, name.substr(underscore));
}

void write_datum(std::string& out, const StickTable& t, Table::Entry& e, Datum d, uint32_t index, uint64_t now) {
  const sticky::DatumInfo& info = sticky::info_of(d);
  out += fmt::format(" {}", info.array ? element_name(info.name, index) : std::string(info.name));
  if (info.kind == DatumKind::rate) out += fmt::format("({})", t.store(d).period_ms);
  if (info.kind == DatumKind::text) {
    Str text = t.text(e, d).str();
    out += fmt::format("={}", text.empty() ? Str("-") : text);
  } else {
    out += fmt::format("={}", t.value(e, d, index, now));
  }
}

void write_entry(std::string& out, const StickTable& t, Table::Entry& e, uint64_t now) {
  uint64_t left = e.expires_ms > now ? e.expires_ms - now : 0;
  out += fmt::format("0x{:x}: key={} use={} exp={} shard=0", t.table.id(e), t.key_text(t.table.key(e)),
                     e.trackers.total(), left);
  for (size_t i = 0; i < sticky::kData; i++) {
    auto d = static_cast<Datum>(i);
    for (uint32_t n = 0; t.has(d) && n < t.store(d).count; n++) write_datum(out, t, e, d, n, now);
  }
  out += '\n';
}

const StickTable* find_table(const Call& call, Str name) {
  for (const StickTable* t : call.server.model().stick_tables)
    if (t->name == name) return t;
  return nullptr;
}

// The key in word 4; false after saying that it is none.
bool parse_key(Call& call, const StickTable& t, Arena& arena, Str& key, Str doing) {
  if (t.type == expr::Type::binary) {
    call.refuse(fmt::format("{} tables of type other than ip, ipv6, string and integer is not supported\n", doing));
    return false;
  }
  if (call.word(4).empty()) {
    call.refuse("Key value expected\n");
    return false;
  }
  expr::Value v = expr::Value::of(call.word(4));
  const bool addresses = t.type == expr::Type::ipv4 || t.type == expr::Type::ipv6;
  if ((!addresses || expr::cast(v, expr::Type::addr, arena)) && t.key_of(v, arena, key)) return true;
  call.refuse("Invalid key\n");
  return false;
}

// The entry in word 4, as `show table` has called it; false after saying that there is none.
bool parse_pointer(Call& call, const StickTable& t, uint64_t now, Arena& arena, Str& key) {
  Str text = call.word(4);
  uint64_t id = 0;
  if (!text.starts_with("0x")) return call.refuse("Pointer expected (0xffff notation)\n"), false;
  text.remove_prefix(2);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return call.refuse("Malformed ptr.\n"), false;
  bool found = false;
  t.table.each(now, [&](Table::Entry& e) {
    found = t.table.id(e) == id;
    if (found) key = arena.dup(t.table.key(e));
    return !found;
  });
  if (!found) call.refuse("No entry can be found matching ptr.\n");
  return found;
}

// The key that the words behind the table's name say. False: they are others, or after an error.
bool find_key(Call& call, const StickTable& t, uint64_t now, Arena& arena, Str& key, Str doing) {
  return call.word(3) == "key" ? parse_key(call, t, arena, key, doing) : parse_pointer(call, t, now, arena, key);
}

bool names_entry(const Call& call) {
  return call.word(3) == "key" || call.word(3) == "ptr";
}

Outcome run_show(Call& call) {
  const uint64_t now = stats::monotonic_ms();
  if (call.word(2).empty()) {
    for (const StickTable* t : call.server.model().stick_tables) write_head(call.out, *t, now);
    return Outcome::done;
  }
  const StickTable* t = find_table(call, call.word(2));
  if (!t) return call.refuse("No such table\n");
  Arena arena;
  std::vector<Filter> filters;
  const bool by_key = names_entry(call);
  Str key;
  if (by_key) {
    if (!find_key(call, *t, now, arena, key, "Showing keys from")) return Outcome::done;
  } else if (call.word(3).starts_with("data.")) {
    if (!parse_filters(call, *t, filters)) return Outcome::done;
  } else if (!call.word(3).empty()) {
    return call.refuse(
        "Optional argument only supports \"data.<store_data_type>\" <operator> <value> or key <key> or ptr <ptr>\n");
  }
  if (by_key) {
    std::string entry;
    {
      Table::Guard guard(t->table, key);
      Table::Entry* e = guard.find(now);
      if (!e) return Outcome::done;
      write_entry(entry, *t, *e, now);
    }
    write_head(call.out, *t, now);
    call.out += entry;
    return Outcome::done;
  }
  write_head(call.out, *t, now);
  if (call.session.level < Level::operate) {
    call.out += "# contents not dumped due to insufficient privileges\n";
    return Outcome::done;
  }
  t->table.each(now, [&](Table::Entry& e) {
    if (std::all_of(filters.begin(), filters.end(), [&](const Filter& f) { return f.matches(*t, e, now); }))
      write_entry(call.out, *t, e, now);
    return true;
  });
  return Outcome::done;
}

constexpr Str kClearUsage =
    "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key> or <table> ptr "
    "<ptr>\n";

Outcome run_clear(Call& call) {
  if (call.word(2).empty()) return call.refuse(kClearUsage);
  const StickTable* t = find_table(call, call.word(2));
  if (!t) return call.refuse("No such table\n");
  const uint64_t now = stats::monotonic_ms();
  Arena arena;
  if (names_entry(call)) {
    Str key;
    if (!find_key(call, *t, now, arena, key, "Removing keys from")) return Outcome::done;
    Table::Guard guard(t->table, key);
    Table::Entry* e = guard.find(now);
    if (!e) return Outcome::done;
    if (e->trackers.total()) return call.refuse("Entry currently in use, cannot remove\n");
    guard.remove(*e);
    return Outcome::done;
  }
  std::vector<Filter> filters;
  if (call.word(3).starts_with("data.")) {
    if (!parse_filters(call, *t, filters)) return Outcome::done;
  } else if (!call.word(3).empty()) {
    return call.refuse(kClearUsage);
  }
  t->table.clear(now, [&](Table::Entry& e) {
    return std::all_of(filters.begin(), filters.end(), [&](const Filter& f) { return f.matches(*t, e, now); });
  });
  return Outcome::done;
}

struct Change {
  Field field;
  uint64_t value;
};

// Pairs of a datum and its value from word 5 on; false after saying what is wrong.
bool parse_changes(Call& call, const StickTable& t, std::vector<Change>& changes) {
  auto wrong = [&](Str what) {
    call.refuse(what);
    return false;
  };
  for (size_t at = 5; !call.word(at).empty(); at += 2) {
    if (!call.word(at).starts_with("data.")) return wrong("\"data.<type>\" followed by a value expected\n");
    auto field = parse_field(call.word(at));
    if (!field) return wrong("Unknown data type\n");
    if (!t.has(field->datum)) return wrong("Data type not stored in this table\n");
    auto value = parse_value(call.word(at + 1));
    if (!value) return wrong("Require a valid integer value to store\n");
    if (field->index >= t.store(field->datum).count) return wrong("index out of range in this data array\n");
    changes.push_back({*field, static_cast<uint64_t>(*value)});
  }
  return true;
}

Outcome run_set(Call& call) {
  const StickTable* t = find_table(call, call.word(2));
  if (!call.word(2).empty() && !t) return call.refuse("No such table\n");
  if (call.word(3).starts_with("data."))
    return call.refuse("content-based lookup is only supported with the \"show\" and \"clear\" actions\n");
  if (!t || !names_entry(call))
    return call.refuse(
        "Required arguments: <table> key <key> [data.<store_data_type> <value>]* or <table> ptr <ptr> "
        "[data.<store_data_type> <value>]*\n");
  const uint64_t now = stats::monotonic_ms();
  Arena arena;
  Str key;
  std::vector<Change> changes;
  if (!find_key(call, *t, now, arena, key, "Inserting keys into") || !parse_changes(call, *t, changes))
    return Outcome::done;
  Table::Guard guard(t->table, key);
  Table::Entry* e = guard.find(now);
  if (!e) e = guard.add(now, !t->nopurge);
  if (!e) return call.refuse("Unable to allocate a new entry\n");
  for (const Change& c : changes) t->set(*e, c.field.datum, c.field.index, now, c.value);
  guard.touch(*e, now, t->expire_ms);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "table"},
     Level::user,
     "show table [<table> [<filter>]*]",
     "report table usage stats or dump this table's contents (filter: data/key)",
     run_show},
    {{"clear", "table"},
     Level::operate,
     "clear table <table> [<filter>]*",
     "remove an entry from a table (filter: data/key)",
     run_clear},
    {{"set", "table"},
     Level::operate,
     "set table <table> key <k> [data.* <v>]*",
     "update or create a table entry's data",
     run_set},
};

}  // namespace

const Commands kTableCommands = kRows;

}  // namespace weir::control
