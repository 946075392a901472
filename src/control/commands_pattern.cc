// Maps and ACLs: listing, looking at them, changing them. A change builds the sets anew and publishes them; requests that
// look something up at that moment still use the old ones, which are freed a turn of every shard's loop later.
#include <fmt/format.h>

#include <memory>

#include "control/command.h"

namespace weir::control {
namespace {

using expr::PatternSource;
using expr::Value;
using Texts = std::vector<expr::PatternSet::Text>;

// The entries of one source as they are when it is asked for, a piece at a time.
struct Listing {
  static constexpr size_t kPiece = 64 * 1024;
  const PatternSource* source;
  std::shared_ptr<const Texts> kept;  // what they were, once they have changed; null: they are the source's
  size_t at = 0;

  // False: nothing is left.
  bool write(std::string& out) {
    const Texts& texts = kept ? *kept : source->texts;
    for (const size_t end = out.size() + kPiece; at < texts.size() && out.size() < end; at++) {
      const auto& t = texts[at];
      fmt::format_to(std::back_inserter(out), "{:#x} {}{}{}\n", reinterpret_cast<uintptr_t>(&t), t.key,
                     source->is_map ? " " : "", source->is_map ? Str(t.value) : Str());
    }
    return at < texts.size();
  }
};

// Those that are under way; of the control thread.
std::vector<std::weak_ptr<Listing>>& listings() {
  static std::vector<std::weak_ptr<Listing>> all;
  return all;
}

// `texts` are the source's no more.
void keep_for_listings(const PatternSource& source, Texts texts) {
  std::erase_if(listings(), [](const auto& l) { return l.expired(); });
  if (listings().empty()) return;
  const auto kept = std::make_shared<const Texts>(std::move(texts));
  for (const auto& weak : listings())
    if (const auto l = weak.lock(); l->source == &source && !l->kept) l->kept = kept;
}

bool is_map(const Call& call) {
  return call.word(1) == "map";
}

PatternSource* find_source(Call& call, Str name) {
  expr::PatternSources* all = call.server.catalogue().patterns;
  PatternSource* source = nullptr;
  if (all && name.starts_with('#')) {
    if (auto id = parse_u64(name.substr(1)); id && *id <= INT32_MAX) source = all->find(static_cast<int>(*id));
  } else if (all) {
    source = all->find(name);
  }
  if (source && (is_map(call) ? source->is_map : source->is_acl)) return source;
  call.refuse(is_map(call) ? "Unknown map identifier. Please use #<id> or <file>.\n"
                           : "Unknown ACL identifier. Please use #<id> or <file>.\n");
  return nullptr;
}

// An entry is named by its key, or by "#0x" and the number that `show` gives it.
bool names(Str word, const expr::PatternSet::Text& text) {
  if (!word.starts_with("#0x")) return text.key == word;
  return word.substr(1) == fmt::format("{:#x}", reinterpret_cast<uintptr_t>(&text));
}

// Publishes `texts`; the old ones come back when they do not fit.
Outcome publish(Call& call, PatternSource& source, Texts texts) {
  std::vector<std::unique_ptr<const expr::PatternSet>> old;
  std::string error;
  source.texts.swap(texts);
  if (!source.publish(old, error)) {
    source.texts.swap(texts);
    return call.refuse(fmt::format("{}.\n", error));
  }
  keep_for_listings(source, std::move(texts));
  call.server.retire(std::move(old));
  return Outcome::done;
}

void list_sources(Call& call) {
  call.out += "# id (file) description\n";
  if (!call.server.catalogue().patterns) return;
  for (const auto& s : call.server.catalogue().patterns->all()) {
    if (!(is_map(call) ? s->is_map : s->is_acl)) continue;
    call.out += fmt::format("{} ({}) {}. curr_ver=0 next_ver=0 entry_cnt={}\n", s->id, s->name, s->description,
                            s->texts.size());
  }
}

Outcome show(Call& call) {
  if (call.word(2).empty()) {
    list_sources(call);
    return Outcome::done;
  }
  const PatternSource* source = find_source(call, call.word(2));
  if (!source) return Outcome::done;
  auto listing = std::make_shared<Listing>(Listing{source, nullptr});
  if (!listing->write(call.out)) return Outcome::done;
  listings().push_back(listing);
  call.session.pour([listing](std::string& out) { return listing->write(out); });
  return Outcome::later;
}

// One pair per line. False: a line has no value.
bool read_payload(Str payload, bool map, Texts& out, std::string& bad) {
  while (!payload.empty()) {
    Str line = cut(payload, '\n');
    size_t end = std::min(line.find_first_of(" \t"), line.size());
    Str value = trim(line.substr(end));
    if (end == line.size() && map) {
      bad = line;
      return false;
    }
    out.push_back({std::string(line.substr(0, end)), map ? std::string(value) : std::string(), 0});
  }
  return true;
}

Outcome add(Call& call) {
  bool map = is_map(call);
  bool payload = !call.payload.empty();
  if (map && (payload ? call.word(2).empty() : call.words.size() < 5))
    return call.refuse(
        "'add map' expects three parameters (map identifier, key and value) or one parameter (map "
        "identifier) and a payload\n");
  if (!map && call.words.size() < 4)
    return call.refuse("'add acl' expects two parameters: ACL identifier and pattern.\n");
  PatternSource* source = find_source(call, call.word(2));
  if (!source) return Outcome::done;
  if (!map && source->is_map)
    return call.refuse(
        "This ACL is shared with a map containing samples. You must use the command 'add map' to add "
        "values.\n");
  Texts texts = source->texts;
  std::string bad;
  if (!payload)
    texts.push_back({call.words[3], map ? call.words[4] : std::string(), 0});
  else if (!read_payload(call.payload, map, texts, bad))
    return call.refuse(fmt::format("Missing value for key '{}'.\n", bad));
  return publish(call, *source, std::move(texts));
}

Outcome set(Call& call) {
  if (call.words.size() < 5) return call.refuse("'set map' expects three parameters: map identifier, key and value.\n");
  PatternSource* source = find_source(call, call.word(2));
  if (!source) return Outcome::done;
  Texts texts = source->texts;
  bool found = false;
  for (size_t i = 0; i < texts.size(); i++) {
    if (!names(call.word(3), source->texts[i])) continue;
    texts[i].value = call.words[4];
    found = true;
  }
  return found ? publish(call, *source, std::move(texts)) : call.refuse("entry not found.\n");
}

Outcome del(Call& call) {
  if (call.words.size() < 4)
    return call.refuse(is_map(call) ? "This command expects two parameters: map identifier and key.\n"
                                    : "This command expects two parameters: ACL identifier and key.\n");
  PatternSource* source = find_source(call, call.word(2));
  if (!source) return Outcome::done;
  Texts texts;
  for (const auto& t : source->texts)
    if (!names(call.word(3), t)) texts.push_back(t);
  if (texts.size() == source->texts.size()) return call.refuse("Key not found.\n");
  return publish(call, *source, std::move(texts));
}

Outcome clear(Call& call) {
  if (call.word(2).empty())
    return call.refuse(is_map(call) ? "Missing map identifier.\n" : "Missing ACL identifier.\n");
  PatternSource* source = find_source(call, call.word(2));
  return source ? publish(call, *source, {}) : Outcome::done;
}

Str value_type(const Value& v) {
  switch (v.type) {
    case expr::Type::integer: return "sint";
    case expr::Type::ipv4: return "ipv4";
    case expr::Type::ipv6: return "ipv6";
    default: return "str";
  }
}

// What one way of matching says about a sample.
std::string look_up(const PatternSource& source, const expr::PatternList& list, Str sample, bool map) {
  Arena arena;
  Value v = Value::of(sample);
  const expr::Pattern* p = expr::cast(v, expr::method_type(list.method), arena) ? list.find(v) : nullptr;
  std::string line = fmt::format("type={}, case={}, {}={}", expr::method_name(list.method),
                                 list.icase ? "insensitive" : "sensitive", map ? "found" : "match", p ? "yes" : "no");
  if (!p) return line + '\n';
  using expr::Method;
  bool tree = !list.icase && (list.method == Method::str || list.method == Method::beg || list.method == Method::ip);
  line += fmt::format(", idx={}, {}=\"{}\"", tree ? "tree" : "list", map ? "key" : "pattern", p->key);
  if (map && source.is_map)
    line += fmt::format(", value=\"{}\", type=\"{}\"", p->value,
                        list.values == expr::Type::string ? Str("str") : value_type(p->typed));
  return line + '\n';
}

Outcome get(Call& call) {
  if (call.words.size() < 4)
    return call.refuse(is_map(call) ? "Missing map identifier and/or key.\n" : "Missing ACL identifier and/or key.\n");
  const PatternSource* source = find_source(call, call.word(2));
  if (!source) return Outcome::done;
  for (const auto& list : source->lists) call.out += look_up(*source, *list, call.word(3), is_map(call));
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "acl"}, Level::admin, "show acl [<acl>]", "the ACLs, or the entries of one", show},
    {{"get", "acl"}, Level::admin, "get acl <acl> <value>", "the entries of an ACL that match a sample", get},
    {{"add", "acl"}, Level::admin, "add acl <acl> <pattern>", "add an entry to an ACL", add},
    {{"del", "acl"}, Level::admin, "del acl <acl> [<key>|#<ref>]", "remove entries from an ACL", del},
    {{"clear", "acl"}, Level::admin, "clear acl <acl>", "remove all entries from an ACL", clear},
    {{"show", "map"}, Level::admin, "show map [map]", "the maps, or the entries of one", show},
    {{"get", "map"}, Level::admin, "get map <acl> <value>", "the entries of a map that match a sample", get},
    {{"add", "map"},
     Level::admin,
     "add map <map> <key> <val>",
     "add an entry to a map; a payload may hold several",
     add},
    {{"set", "map"}, Level::admin, "set map <map> [<key>|#<ref>] <value>", "change a value in a map", set},
    {{"del", "map"}, Level::admin, "del map <map> [<key>|#<ref>]", "remove entries from a map", del},
    {{"clear", "map"}, Level::admin, "clear map <map>", "remove all entries from a map", clear},
};

}  // namespace

const Commands kPatternCommands = kRows;

}  // namespace weir::control
