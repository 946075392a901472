// See json_path.h. A cursor walks the text once; values that are not on the path are skipped, not kept.
#include "expr/json_path.h"

#include "expr/encode.h"

namespace weir::expr {
namespace {

constexpr int kMaxDepth = 64;

class Scanner {
 public:
  explicit Scanner(Str text) : s_(text) {}

  void space() {
    size_t at = s_.find_first_not_of(" \t\r\n");
    s_.remove_prefix(at == Str::npos ? s_.size() : at);
  }
  bool take(char c) {
    space();
    if (s_.empty() || s_[0] != c) return false;
    s_.remove_prefix(1);
    return true;
  }

  bool string(Str& inside) {
    if (!take('"')) return false;
    for (size_t i = 0; i < s_.size(); i++) {
      if (s_[i] == '\\') {
        i++;
      } else if (s_[i] == '"') {
        inside = s_.substr(0, i);
        s_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  // Reads any value; type none when it is broken.
  JsonValue value(int depth = 0) {
    space();
    if (s_.empty() || depth > kMaxDepth) return {};
    const char* begin = s_.data();
    auto since = [&] { return Str{begin, static_cast<size_t>(s_.data() - begin)}; };
    switch (s_[0]) {
      case '"': {
        JsonValue v{JsonType::string, {}};
        return string(v.text) ? v : JsonValue{};
      }
      case '{':
      case '[': {
        bool object = s_[0] == '{';
        if (!skip_members(object, depth)) return {};
        return {object ? JsonType::object : JsonType::array, since()};
      }
      default: return word();
    }
  }

 private:
  bool skip_members(bool object, int depth) {
    const char close = object ? '}' : ']';
    s_.remove_prefix(1);
    if (take(close)) return true;
    do {
      Str key;
      if (object && (!string(key) || !take(':'))) return false;
      if (value(depth + 1).type == JsonType::none) return false;
    } while (take(','));
    return take(close);
  }

  JsonValue word() {
    size_t end = std::min(s_.find_first_of(",]} \t\r\n"), s_.size());
    Str text = s_.substr(0, end);
    s_.remove_prefix(end);
    if (text == "true" || text == "false") return {JsonType::boolean, text};
    if (text == "null") return {JsonType::null, text};
    bool number = !text.empty() && (is_digit(text[0]) || (text[0] == '-' && text.size() > 1)) &&
                  text.find_first_not_of("0123456789+-.eE") == Str::npos;
    return number ? JsonValue{JsonType::number, text} : JsonValue{};
  }

  Str s_;
};

// Takes the next step off `path`. `key` may contain backslashes that guard the following character.
bool next_step(Str& path, Str& key, uint64_t& index, bool& is_index) {
  is_index = false;
  if (path[0] == '.') {
    size_t i = 1;
    while (i < path.size() && path[i] != '.' && path[i] != '[') i += path[i] == '\\' ? 2 : 1;
    i = std::min(i, path.size());
    key = path.substr(1, i - 1);
    path.remove_prefix(i);
    return !key.empty();
  }
  if (path[0] != '[') return false;
  size_t end = path.find(']');
  if (end == Str::npos) return false;
  Str inside = path.substr(1, end - 1);
  path.remove_prefix(end + 1);
  if (inside.size() >= 2 && (inside[0] == '\'' || inside[0] == '"') && inside.back() == inside[0]) {
    key = inside.substr(1, inside.size() - 2);
    return true;
  }
  auto n = parse_u64(inside);
  index = n.value_or(0);
  is_index = true;
  return n.has_value();
}

bool same_key(Str key, Str guarded) {
  size_t i = 0;
  for (size_t k = 0; k < guarded.size(); k++, i++) {
    if (guarded[k] == '\\' && k + 1 < guarded.size()) k++;
    if (i >= key.size() || key[i] != guarded[k]) return false;
  }
  return i == key.size();
}

JsonValue member(const JsonValue& in, Str key, uint64_t index, bool is_index) {
  Scanner s(in.text);
  if (in.type != (is_index ? JsonType::array : JsonType::object)) return {};
  s.take(is_index ? '[' : '{');
  for (uint64_t i = 0;; i++) {
    Str name;
    if (!is_index && (!s.string(name) || !s.take(':'))) return {};
    JsonValue v = s.value();
    if (v.type == JsonType::none) return {};
    if (is_index ? i == index : same_key(name, key)) return v;
    if (!s.take(',')) return {};
  }
}

void append_utf8(char*& out, uint32_t c) {
  auto tail = [&](int shift) { *out++ = static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    *out++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *out++ = static_cast<char>(0xc0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    *out++ = static_cast<char>(0xe0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    *out++ = static_cast<char>(0xf0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

bool hex4(Str s, size_t at, uint32_t& c) {
  if (at + 4 > s.size()) return false;
  c = 0;
  for (size_t i = at; i < at + 4; i++) {
    int digit = hex_value(s[i]);
    if (digit < 0) return false;
    c = c << 4 | static_cast<uint32_t>(digit);
  }
  return true;
}

// The \u escape at `i`, which stands on the u; surrogate pairs are one character. Leaves `i` on its last digit.
bool unicode_escape(Str s, size_t& i, char*& out) {
  uint32_t c;
  uint32_t low;
  if (!hex4(s, i + 1, c)) return false;
  i += 4;
  if (c >= 0xd800 && c < 0xdc00 && s.substr(i + 1, 2) == "\\u" && hex4(s, i + 3, low) && low >= 0xdc00 &&
      low < 0xe000) {
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    i += 6;
  }
  append_utf8(out, c);
  return true;
}

}  // namespace

JsonValue find_json(Str json, Str path) {
  if (!path.starts_with('$')) return {};
  path.remove_prefix(1);
  JsonValue v = Scanner(json).value();
  while (!path.empty() && v.type != JsonType::none) {
    Str key;
    uint64_t index = 0;
    bool is_index = false;
    if (!next_step(path, key, index, is_index)) return {};
    v = member(v, key, index, is_index);
  }
  return v;
}

bool unescape_json(Str inside, Arena& arena, Str& out) {
  static constexpr Str kShort = "\"\"\\\\//b\bf\fn\nr\rt\t";
  char* p = arena.alloc_chars(inside.size());
  char* end = p;
  for (size_t i = 0; i < inside.size(); i++) {
    if (inside[i] != '\\') {
      *end++ = inside[i];
      continue;
    }
    if (++i == inside.size()) return false;
    if (inside[i] == 'u') {
      if (!unicode_escape(inside, i, end)) return false;
      continue;
    }
    size_t at = 0;
    while (at < kShort.size() && kShort[at] != inside[i]) at += 2;
    if (at >= kShort.size()) return false;
    *end++ = kShort[at + 1];
  }
  out = {p, static_cast<size_t>(end - p)};
  return true;
}

}  // namespace weir::expr
