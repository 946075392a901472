// Compilation of log-format strings, and rendering of what came out of it.
#include "haproxy/log_format.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "haproxy/line_builder.h"
#include "haproxy/log_tags.h"

namespace weir::haproxy {

namespace {

using expr::Type;
using Part = LogFormat::Part;

bool is_alnum(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

uint16_t use_flags(FormatUse use) {
  switch (use) {
    case FormatUse::log: return kMandatory | kMergeSpaces;
    case FormatUse::id: return kPercent | kMergeSpaces;
    case FormatUse::header: return kPercent;
    default: return 0;
  }
}

struct FlagWord {
  Str word;
  uint16_t flag;
};
constexpr FlagWord kFlagWords[] = {{"M", kMandatory}, {"Q", kQuote},   {"X", kHex},    {"E", kEscape},
                                   {"bin", kBinary},  {"json", kJson}, {"cbor", kCbor}};

// "+Q,-X,+json" on top of `flags`. An encoding that is there already stays; unknown words are ignored, as HAProxy does.
uint16_t apply_flags(Str words, uint16_t flags) {
  while (!words.empty()) {
    Str word = trim(cut(words, ','));
    if (word.empty() || (word[0] != '+' && word[0] != '-')) continue;
    for (const FlagWord& f : kFlagWords) {
      if (f.word != word.substr(1)) continue;
      if (word[0] == '-')
        flags &= static_cast<uint16_t>(~f.flag);
      else if (!(flags & kEncoded && f.flag & kEncoded))
        flags |= f.flag;
    }
  }
  return flags;
}

bool is_http_control(uint8_t byte) {
  return byte <= 8 || (byte >= 10 && byte < 32) || byte == 127;
}

// The type that an encoded value keeps: what was asked for, else numbers, booleans and, in CBOR, bytes.
Type encoded_type(const Part& part, const expr::Value& v) {
  if (part.cast != Type::any) return part.cast;
  if (v.type == Type::integer || v.type == Type::boolean) return v.type;
  return v.type == Type::binary && part.flags & kCbor ? Type::binary : Type::string;
}

void render_sample(const expr::Ctx& ctx, const Part& part, LineBuilder& out) {
  expr::Value v;
  bool there = part.sample->eval(ctx, v);
  Type type = Type::string;
  if (there && v.type == Type::binary && part.flags & kBinary && part.cast != Type::string) type = Type::binary;
  if (there && part.flags & kEncoded) type = encoded_type(part, v);
  if (there && type == Type::binary && part.flags & kEncoded && part.cast == Type::binary) out.flags = 0;  // raw
  if (!there || !expr::cast(v, type, *ctx.arena)) {
    if (out.flags & kEncoded)
      out.null();
    else if (!(out.flags & kPercent))
      out.text({});
    return;
  }
  if (type == Type::integer)
    out.integer(v.integer);
  else if (type == Type::boolean)
    out.boolean(v.boolean);
  else if (out.flags & kPercent)
    out.escaped(v.str, '%', is_http_control);
  else if (type == Type::binary)
    out.escaped(v.str, 0, [](uint8_t) { return false; });
  else
    out.text(v.str);
}

// Compiles one string.
class Compiler {
 public:
  Compiler(Str text, const config::Word* word, config::Where where, FormatUse use, const Place& place, ParseEnv& env)
      : text_(text), word_(word), where_(where), place_(place), env_(env), defaults_(use_flags(use)) {}

  const LogFormat* run() {
    format_ = env_.arena.make<LogFormat>();
    format_->source = env_.arena.dup(text_);
    while (at_ < text_.size()) {
      if (text_[at_] == '%' ? !percent() : !literal()) return nullptr;
    }
    flush();
    auto& parts = format_->parts;
    format_->constant = !(format_->flags & kEncoded) &&
                        (parts.empty() || (parts.size == 1 && !parts[0].render && !separator(parts[0])));
    return format_;
  }

 private:
  static bool separator(const Part& p) { return !p.render && p.flags & kMergeSpaces; }

  bool literal() {
    char c = text_[at_++];
    if (c == ' ' && defaults_ & kMergeSpaces) {
      flush();
      bool again = format_->parts.size && separator(format_->parts[format_->parts.size - 1]);
      if (!again) format_->parts.push(env_.arena, {nullptr, nullptr, " ", {}, kMergeSpaces, Type::any});
      return true;
    }
    pending_ += c;
    return true;
  }

  void flush() {
    if (pending_.empty()) return;
    format_->parts.push(env_.arena, {nullptr, nullptr, env_.arena.dup(pending_), {}, 0, Type::any});
    pending_.clear();
  }

  bool fail(size_t at, size_t length, std::string text, std::string remedy = {}) {
    config::Where w = word_ ? at_byte(*word_, at, length) : where_;
    env_.diag.error(w, std::move(text), std::move(remedy));
    return false;
  }

  // `%`, [(name[:type])], [{flags}], then a tag or [expression].
  bool percent() {
    size_t begin = at_++;
    Part part;
    part.flags = defaults_;
    if (at_ < text_.size() && text_[at_] == '(' && !name(part)) return false;
    bool has_flags = at_ < text_.size() && text_[at_] == '{';
    if (has_flags && !flag_words(part)) return false;
    char c = at_ < text_.size() ? text_[at_] : 0;
    if (c == '[') return expression(part);
    if (is_alnum(c) && (has_flags || !is_digit(c))) return tag(begin, part);
    if (has_flags)
      return fail(
          begin, at_ - begin,
          fmt::format("parse argument modifier without alias name near '{}'", text_.substr(begin, at_ - begin)));
    if (c == '%') {
      pending_ += '%';
      at_++;
      return true;
    }
    if (c == 0 && at_ == text_.size())
      return fail(begin, 1, fmt::format("truncated line after '{}'", text_.substr(0, begin)), "write '%%' for one '%'");
    if (is_digit(c) || c == ' ' || c == '\t')
      return fail(begin, 2, fmt::format("unexpected alias name near '{}'", c), "write '%%' for one '%'");
    return true;  // any other character stands for itself
  }

  bool name(Part& part) {
    size_t begin = at_ + 1;
    size_t end = text_.find(')', begin);
    if (end == Str::npos) return fail(at_, 1, "missing ')' after a custom name");
    Str type = text_.substr(begin, end - begin);
    Str name = cut(type, ':');
    for (char c : name)
      if (!is_alnum(c) && c != '_' && c != '-')
        return fail(begin, name.size(), fmt::format("invalid character in custom name near '{}'", c));
    part.name = env_.arena.dup(name);
    if (type == "str")
      part.cast = Type::string;
    else if (type == "sint")
      part.cast = Type::integer;
    else if (type == "bool")
      part.cast = Type::boolean;
    else if (type == "raw")
      part.cast = Type::binary;
    else if (!type.empty())
      return fail(begin + name.size() + 1, type.size(), fmt::format("unexpected output type '{}'", type),
                  "str, sint, bool and raw are known");
    at_ = end + 1;
    return true;
  }

  bool flag_words(Part& part) {
    size_t end = text_.find('}', at_);
    if (end == Str::npos) return fail(at_, 1, "missing '}' after the flags");
    part.flags = apply_flags(text_.substr(at_ + 1, end - at_ - 1), part.flags);
    if (part.flags & kPercent) part.flags &= static_cast<uint16_t>(~kEncoded);  // what HTTP carries is never encoded
    at_ = end + 1;
    return true;
  }

  bool expression(Part& part) {
    size_t begin = ++at_;
    size_t used = 0;
    SampleError error;
    Str rest = text_.substr(begin);
    part.sample = parse_sample(rest, used, env_, where_, error);
    if (!part.sample)
      return fail(
          begin + error.at, error.length,
          fmt::format("failed to parse sample expression <{}> : {}", rest.substr(0, rest.find(']')), error.text),
          error.remedy);
    at_ = begin + used;
    if (at_ >= text_.size()) return fail(begin - 1, used + 1, fmt::format("missing ']' after '{}'", rest));
    if (text_[at_] != ']')
      return fail(at_, 1, fmt::format("expected ']' after '{}', but found '{}'", rest.substr(0, used), text_[at_]));
    at_++;
    config::Where w = word_ ? at_byte(*word_, begin, used) : where_;
    if (!require_available(*part.sample, place_, w, env_.diag)) return false;
    if (defaults_ & kPercent && part.sample->needs & (expr::kRequestBytes | expr::kResponseBytes))
      ignored(*part.sample, w);
    constexpr uint16_t kEnd = expr::kLog | expr::kResponseBody;
    format_->waits |= kWaitMore | (part.sample->needs & kEnd ? kWaitEnd : 0);
    part.render = render_sample;
    part.text = part.sample->text;
    return add(part);
  }

  // What looks at bytes before they are parsed finds none where HTTP is written.
  void ignored(const expr::Expr& e, config::Where where) {
    Str fetch = e.text.substr(0, e.text.find_first_of("(,"));
    env_.diag.warning(where, fmt::format("'{}' says nothing in mode http", fetch)).product =
        fmt::format("L6 sample fetch <{}> ignored in HTTP log-format string.", fetch);
  }

  bool tag(size_t begin, Part& part) {
    size_t end = at_;
    while (end < text_.size() && is_alnum(text_[end])) end++;
    Str name = text_.substr(at_, end - at_);
    const LogTag* tag = find_log_tag(name);
    if (!tag) {
      std::vector<Str> known;
      for (const TagHelp& t : log_tags()) known.push_back(t.name);
      Str near = config::nearest(name, known);
      return fail(begin, end - begin, fmt::format("no such format alias '{}'", name),
                  near.empty() ? std::string("write '%%' for one '%'")
                               : fmt::format("did you mean '%{}'? Write '%%' for one '%'", near));
    }
    at_ = end;
    if (!tag->render) {  // %o
      format_->flags = first_options_ ? part.flags : format_->flags & part.flags;
      first_options_ = false;
      defaults_ = part.flags;
      return true;
    }
    if (tag->http && format_->http_tag.empty()) format_->http_tag = tag->name;
    format_->waits |= tag->waits;
    part.render = tag->render;
    part.text = tag->name;
    return add(part);
  }

  bool add(const Part& part) {
    flush();
    format_->parts.push(env_.arena, part);
    return true;
  }

  Str text_;
  const config::Word* word_;
  config::Where where_;
  const Place& place_;
  ParseEnv& env_;
  uint16_t defaults_;
  bool first_options_ = true;
  size_t at_ = 0;
  std::string pending_;
  LogFormat* format_ = nullptr;
};

// Buffers for lines under way on this thread: one, and one for each line inside a line (unique ids).
class Buffer {
 public:
  Buffer() : text(depth_ < kMost ? buffers_[depth_] : own_) {
    depth_++;
    text.clear();
  }
  ~Buffer() { depth_--; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

 private:
  static constexpr int kMost = 3;
  static thread_local std::string buffers_[kMost];
  static thread_local int depth_;
  std::string own_;

 public:
  std::string& text;
};
thread_local std::string Buffer::buffers_[Buffer::kMost];
thread_local int Buffer::depth_ = 0;

void render_line(const LogFormat& format, const expr::Ctx& ctx, LineBuilder& out) {
  bool blank = true;  // a blank now would be the second one
  for (const Part& p : format.parts) {
    if (!p.render && p.flags & kMergeSpaces) {
      if (!blank) out.append(" ");
      blank = true;
      continue;
    }
    size_t before = out.size();
    out.flags = p.flags;
    if (p.render)
      p.render(ctx, p, out);
    else
      out.append(p.text);
    if (out.size() != before) blank = false;
  }
}

// With `%{+json}o` a line is a map of the named parts.
void render_map(const LogFormat& format, const expr::Ctx& ctx, LineBuilder& out) {
  bool first = true;
  out.flags = format.flags;
  out.begin_map();
  for (const Part& p : format.parts) {
    if (!p.render || p.name.empty()) continue;
    out.flags = format.flags;
    out.key(p.name, first);
    first = false;
    size_t before = out.size();
    out.flags = p.flags;
    p.render(ctx, p, out);
    if (out.size() != before) continue;
    out.flags = p.flags;
    out.null();
  }
  out.flags = format.flags;
  out.end_map();
}

}  // namespace

const LogFormat* compile_log_format(const config::Word& word, FormatUse use, const Place& place, ParseEnv& env) {
  return Compiler(word.text, &word, word.where, use, place, env).run();
}
const LogFormat* compile_log_format(Str text, FormatUse use, const Place& place, ParseEnv& env, config::Where where) {
  return Compiler(text, nullptr, where, use, place, env).run();
}

Str render(const LogFormat& format, const expr::Ctx& ctx) {
  if (format.constant) return format.parts.empty() ? Str{} : format.parts[0].text;
  Buffer buffer;
  LineBuilder out(buffer.text);
  if (format.flags & kEncoded)
    render_map(format, ctx, out);
  else
    render_line(format, ctx, out);
  return ctx.arena->dup(buffer.text);
}

}  // namespace weir::haproxy
