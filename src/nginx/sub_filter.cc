// sub_filter (ngx_http_sub_filter_module): replaces texts in response bodies as they pass. What could be the beginning of a
// text to replace is held until the next bytes decide; nothing else is.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "nginx/mime.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Message;
using http::Name;
using proxy::Filter;
using proxy::Transaction;

constexpr int kOrder = 10;
constexpr size_t kMostPairs = 255;

struct Pair {
  const Script* from = nullptr;
  const Script* to = nullptr;
};

struct SubConf {
  ArenaList<Pair> pairs;
  TypeList types;
  Setting<bool> once;
  Setting<bool> last_modified;
};

void bind_sub_filter(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<SubConf*>(scope.conf);
  if (d.arg(0).text.empty()) {
    scope.error(d.arg(0).where, "empty search pattern", "write the text to replace");
    return;
  }
  if (conf.pairs.size == kMostPairs) {
    scope.error(d.where, "number of search patterns exceeds 255", "drop some");
    return;
  }
  auto compile = [&](size_t i) {
    return compile_script(scope.arena, scope.http->variables, d.arg(i).text, d.arg(i).where, scope.diag);
  };
  conf.pairs.push(scope.arena, {compile(0), compile(1)});
}

void merge_sub_filter(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<SubConf*>(child);
  const auto& p = *static_cast<const SubConf*>(parent);
  if (c.pairs.empty()) c.pairs = p.pairs;
  merge_types(c.types, p.types);
}

void weaken_etag(Arena& arena, http::HeaderList& headers) {
  http::Header* h = headers.find(Name::etag);
  if (!h || h->value.starts_with("W/")) return;
  if (h->value.size() >= 2 && h->value.front() == '"')
    h->value = arena.cat("W/", h->value);
  else
    headers.remove(Name::etag);
}

class SubFilter final : public Filter {
 public:
  SubFilter(Transaction& txn, const SubConf& conf) : txn_(txn), conf_(conf), once_(conf.once.get(true)) {}

  bool head(Transaction& txn, Message& m) override {
    bool empty = m.body == http::Body::length && m.content_length == 0;
    if (empty || !conf_.types.has(m.headers.value(Name::content_type))) return false;
    for (const Pair& p : conf_.pairs) add_pattern(p);
    if (patterns_.empty()) return false;
    if (txn.parent) return true;
    if (m.body == http::Body::length) m.body = http::Body::chunked;
    m.headers.remove(Name::content_length);
    if (txn.local_reply) m.headers.remove(Name::accept_ranges);
    if (conf_.last_modified.get(false)) {
      weaken_etag(txn.arena, m.headers);
    } else {
      m.headers.remove(Name::last_modified);
      m.headers.remove(Name::etag);
    }
    return true;
  }

  void data(Str data, bool end) override {
    if (left_ == 0 && held_.empty()) return emit(data, end);
    out_.clear();
    if (held_.empty()) {
      scan(data, end);
    } else {
      std::string joined = std::move(held_);
      held_.clear();
      joined += data;
      scan(joined, end);
    }
    if (end || !out_.empty()) emit(out_, end);
  }

 private:
  struct Pattern {
    Str from;  // lower case
    const Script* to;
    Str text;
    bool evaluated = false;
    bool used = false;
  };
  enum class Hit : uint8_t { no, partly, yes };

  void add_pattern(const Pair& p) {
    Str from = p.from->eval(txn_);
    if (from.empty()) return;
    char* low = txn_.arena.alloc_chars(from.size());
    std::transform(from.begin(), from.end(), low, lower);
    patterns_.push(txn_.arena, {{low, from.size()}, p.to, {}});
    first_[static_cast<unsigned char>(low[0])] = true;
    left_++;
  }

  static Hit compare(Str text, Str pattern) {
    size_t n = std::min(text.size(), pattern.size());
    for (size_t i = 0; i < n; i++)
      if (lower(text[i]) != pattern[i]) return Hit::no;
    return n == pattern.size() ? Hit::yes : Hit::partly;
  }

  // The first pattern, in the configuration's order, that is or may become a match at the front of `text`.
  Pattern* match(Str text, bool end, Hit& hit) {
    for (Pattern& p : patterns_) {
      if (once_ && p.used) continue;
      hit = compare(text, p.from);
      if (hit == Hit::yes || (hit == Hit::partly && !end)) return &p;
    }
    return nullptr;
  }

  void scan(Str text, bool end) {
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      if (left_ == 0) break;
      if (!first_[static_cast<unsigned char>(lower(text[at]))]) {
        at++;
        continue;
      }
      Hit hit = Hit::no;
      Pattern* p = match(text.substr(at), end, hit);
      if (!p) {
        at++;
        continue;
      }
      out_ += text.substr(begin, at - begin);
      if (hit == Hit::partly) {
        held_ = text.substr(at);
        return;
      }
      replace(*p);
      begin = at += p->from.size();
    }
    out_ += text.substr(begin);
  }

  void replace(Pattern& p) {
    if (!p.evaluated) p.text = p.to->eval(txn_);
    p.evaluated = true;
    out_ += p.text;
    if (once_ && !p.used) left_--;
    p.used = true;
  }

  Transaction& txn_;
  const SubConf& conf_;
  bool once_;
  ArenaList<Pattern> patterns_;
  size_t left_ = 0;  // patterns that may still match
  bool first_[256] = {};
  std::string held_;
  std::string out_;
};

Filter* make_sub_filter(Transaction& txn, const void* conf) {
  return txn.arena.own<SubFilter>(txn, *static_cast<const SubConf*>(conf));
}

void compile_sub_filter(Scope&, Location& l, void* conf) {
  if (static_cast<SubConf*>(conf)->pairs.size) l.filters.push_back({make_sub_filter, conf, kOrder});
}

const Row kTable[] = {
    {"sub_filter", kHttpServerLocation, 2, 2, Block::none, Inherit::array, bind_sub_filter, "string replacement",
     "replaces a text in response bodies, whatever its case"},
    {"sub_filter_types",
     kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::array,
     set_types,
     "mime-type ...",
     "media types besides text/html in which texts are replaced",
     {},
     offsetof(SubConf, types),
     nullptr,
     "text/html"},
    {"sub_filter_once",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "each text is replaced at its first place only",
     {},
     WEIR_FIELD(SubConf, once),
     "on"},
    {"sub_filter_last_modified",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "Last-Modified of the original stays",
     {},
     WEIR_FIELD(SubConf, last_modified),
     "off"},
};

}  // namespace

const Module kSubFilterModule{"sub_filter", sizeof(SubConf),  module_create<SubConf>,
                              kTable,       merge_sub_filter, compile_sub_filter};

}  // namespace weir::nginx
