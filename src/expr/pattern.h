#pragma once
// Sets of patterns: what ACLs and maps look things up in. A set is built once from its texts and then only read, by all
// shards; a change at run time builds a new set and publishes it through its PatternList. Texts are matched by hash,
// prefixes and addresses by sorted ranges, the rest in order.
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "base/str.h"
#include "expr/regex.h"
#include "expr/value.h"

namespace weir::expr {

enum class Method : uint8_t {
  found,
  boolean,
  integer,
  ip,
  bin,
  len,
  str,
  beg,
  sub,
  dir,
  dom,
  end,
  reg,
  regm,  // reg, and the groups are wanted (map_regm)
  version,  // dotted numbers compared as major * 65536 + minor (req.ssl_ver)
  verb,  // HTTP methods
  group,  // user groups
};
inline constexpr int kMethodCount = static_cast<int>(Method::group) + 1;

// "found", "bool", "int" …: the words of -m. False when there is none of that name.
bool method_from_name(Str name, Method& out);
Str method_name(Method method);
// What a value is cast to before it is compared.
Type method_type(Method method);

struct Pattern {
  Str key;  // as written
  Str value;  // of a map, else empty
  int line = 0;  // in its file
  int64_t min = INT64_MIN;  // integer, len, version: the range
  int64_t max = INT64_MAX;
  const Regex* regex = nullptr;
  Str bytes;  // what is compared: bin decoded, dir and dom without delimiters at their ends; else the key
  Value typed;  // map values of _int and _ip
};

// Read-only once it is built.
class PatternSet {
 public:
  struct Text {
    std::string key;
    std::string value;
    int line = 0;
  };
  struct Options {
    Method method = Method::str;
    bool icase = false;
    bool resolve = false;  // ip: host names may stand for addresses (a blocking look-up)
    Type values = Type::string;  // integer or addr: map values must be such
  };

  // Null, with a reason, when a text does not fit the method; `index` tells which.
  static std::unique_ptr<const PatternSet> build(const Options& options, const std::vector<Text>& texts,
                                                 std::string& error, size_t& index);
  PatternSet(const PatternSet&) = delete;
  PatternSet& operator=(const PatternSet&) = delete;

  // The first pattern that matches (for beg, end and ip: the longest), or null. `value` was cast to method_type.
  // `groups`, if given, gets the match of a regular expression.
  const Pattern* find(const Value& value, Match* groups = nullptr) const;
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  const Pattern* begin() const { return patterns_; }
  const Pattern* end() const { return patterns_ + count_; }

 private:
  static constexpr size_t kSmall = 8;  // up to so many, looking at each is quicker than hashing

  // Networks with the same mask: a run of `nets4_` or `nets6_`, sorted by address.
  struct Group {
    in6_addr mask;
    uint32_t begin;
    uint32_t end;
  };
  struct Net {
    in6_addr net;
    in6_addr mask;
    const Pattern* pattern;
  };
  struct Nets {
    Net* nets = nullptr;
    uint32_t count = 0;
    ArenaList<Group> groups;  // longest masks first
  };

  explicit PatternSet(const Options& options) : options_(options) {}
  bool compile(Pattern& p, std::string& error);
  bool compile_value(Pattern& p, std::string& error);
  bool index_networks(std::string& error, size_t& at);
  void group_networks(Nets& nets, std::vector<Net> all);
  void index_texts();
  const Pattern* find_network(const Nets& nets, const in6_addr& address) const;
  const Pattern* find_address(const Value& value) const;
  const Pattern* find_hashed(Str s) const;
  const Pattern* find_affix(Str s) const;
  const Pattern* find_listed(Str s, Match* groups) const;
  bool matches(const Pattern& p, Str s, Match* groups) const;
  bool equal(Str a, Str b) const { return options_.icase ? iequals(a, b) : a == b; }
  uint32_t hash(Str s) const;

  Options options_;
  Arena arena_;
  Pattern* patterns_ = nullptr;
  size_t count_ = 0;
  uint32_t* buckets_ = nullptr;  // open addressing: index + 1; null when the set is small
  uint32_t bucket_mask_ = 0;
  ArenaList<uint32_t> lengths_;  // beg, end: the lengths that occur, longest first
  Nets v4_;
  Nets v6_;
};

// One way of matching the texts of a source. Lives as long as the model; `now` changes when the source does.
struct PatternList {
  Method method = Method::str;
  bool icase = false;
  Type values = Type::string;  // of a map: integer or addr for _int and _ip
  std::atomic<const PatternSet*> now{nullptr};

  const PatternSet& set() const { return *now.load(std::memory_order_acquire); }
  const Pattern* find(const Value& value, Match* groups = nullptr) const { return set().find(value, groups); }
};

// Texts with an identity: a file (shared by everybody who names it) or the words of one ACL. The runtime socket finds
// them by id or name, changes `texts` on the control thread and publishes.
struct PatternSource {
  std::string name;  // of the file; empty: written in the configuration
  std::string description;  // for `show acl` and `show map`
  int id = 0;
  bool is_map = false;
  bool is_acl = false;
  std::vector<PatternSet::Text> texts;
  std::vector<std::unique_ptr<PatternList>> lists;
  std::vector<std::unique_ptr<const PatternSet>> sets;  // what `now` of the lists points to

  // A use of the file by an ACL or a map, for the description.
  void used_by(Str what, Str file, uint32_t line);
  // The list that matches these texts so, made when it is new. Null with a reason.
  PatternList* list(Method method, bool icase, bool resolve, Type values, std::string& error);
  // Builds all lists anew from `texts` and publishes them. The sets that were replaced are handed to `old`: free them
  // when no reader can hold them any more. False with a reason: nothing changed.
  bool publish(std::vector<std::unique_ptr<const PatternSet>>& old, std::string& error);
};

// All sources of a configuration, in the order of their appearance.
class PatternSources {
 public:
  // A file that is not there counts as empty and is listed in `absent` (a configuration is judged away from its machine).
  bool offline = false;
  std::vector<std::string> absent;

  // The source of that file, read when it is new. Null with a reason.
  PatternSource* file(Str name, bool map, std::string& error);
  PatternSource* inline_source() { return add({}); }
  PatternSource* find(Str name) const;
  PatternSource* find(int id) const;
  void assign_ids();  // gives those without -u the free ids, in order
  const std::vector<std::unique_ptr<PatternSource>>& all() const { return all_; }

 private:
  PatternSource* add(std::string name);
  std::vector<std::unique_ptr<PatternSource>> all_;
  std::unordered_map<Str, PatternSource*> by_name_;  // those of files
};

// Reads a pattern or map file: one per line, blank lines and lines starting with `#` skipped; for maps the value
// follows the key behind white space. `file@NAME`, `opt@NAME` (may be missing) and `virt@NAME` (no file) as HAProxy has
// them. False with a reason.
bool read_patterns(Str file, bool map, std::vector<PatternSet::Text>& out, std::string& error);

}  // namespace weir::expr
