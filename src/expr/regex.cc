// PCRE2 behind expr::Regex: compilation with JIT, and one match object and JIT stack per thread.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "expr/regex.h"

#include <fmt/format.h>
#include <pcre2.h>

namespace weir::expr {
namespace {

// Freed when the thread ends.
struct Scratch {
  pcre2_match_data* data = pcre2_match_data_create(Regex::kMaxGroups, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, 512 * 1024, nullptr);

  Scratch() {
    if (!data || !context) abort();
    pcre2_set_match_limit(context, 1000000);
    if (stack) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Scratch() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

Scratch& scratch() {
  thread_local Scratch s;
  return s;
}

std::string message(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

std::vector<Regex::Named> read_names(const pcre2_code* code) {
  uint32_t count = 0;
  uint32_t size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
  std::vector<Regex::Named> names;
  for (uint32_t i = 0; i < count; i++, table += size)
    names.push_back({reinterpret_cast<const char*>(table + 2), table[0] << 8 | table[1]});
  return names;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

const Regex* Regex::compile(Arena& arena, Str pattern, uint8_t options, std::string& error) {
  uint32_t flags = 0;
  if (options & kIcase) flags |= PCRE2_CASELESS;
  if (options & kUtf) flags |= PCRE2_UTF;
  if (options & kAnchored) flags |= PCRE2_ANCHORED;
  int code = 0;
  size_t offset = 0;
  pcre2_code* compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), flags, &code, &offset, nullptr);
  if (!compiled) {
    error = fmt::format("regex '{}' is invalid (error={}, erroffset={})", pattern, message(code), offset);
    return nullptr;
  }
  // Without JIT the interpreter does the same, slower.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  Regex* re = arena.own<Regex>();
  re->code_ = compiled;
  re->pattern_ = arena.dup(pattern);
  uint32_t groups = 0;
  pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups);
  re->groups_ = static_cast<int>(groups);
  re->names_ = read_names(compiled);
  return re;
}

Regex::~Regex() {
  pcre2_code_free(code_);
}

Match Regex::match(Str subject, size_t from, bool not_empty_at_start) const {
  Scratch& s = scratch();
  uint32_t flags = not_empty_at_start ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
  const char* text = subject.data() ? subject.data() : "";
  int count = pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text), subject.size(), from, flags, s.data, s.context);
  if (count < 0) return {};
  // 0: more groups than there is room for.
  return {subject, pcre2_get_ovector_pointer(s.data), count ? count : kMaxGroups};
}

void expand_backrefs(Str text, const Match& match, std::string& out) {
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char c = text[++i];
    if (is_digit(c)) {
      out += match.group(c - '0');
    } else if (c == 'x' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += c;
    }
  }
}

}  // namespace weir::expr
