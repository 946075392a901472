// Byte ranges of answers whose length is known (ngx_http_range_filter_module): Accept-Ranges, 206 with one part or
// several, 416. A body passes once from front to back; parts that are asked for in another order are kept in memory until
// their turn, up to kKept bytes, beyond which the whole body is sent.
#include "nginx/range.h"

#include <fmt/format.h>

#include <algorithm>

#include "nginx/error_page.h"
#include "nginx/http_time.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Message;
using http::Name;
using proxy::Cursor;
using proxy::Filter;
using proxy::Next;
using proxy::Transaction;

constexpr int kOrder = 80;  // behind what changes the body
constexpr uint64_t kKept = 1 << 20;
constexpr uint64_t kUnlimited = INT32_MAX;

struct RangeConf {
  Setting<int64_t> most;
  Setting<bool> proxied;
};

// Only what was made here and says so, or proxied answers where that is forced.
bool may_split(const Transaction& txn, const Message& m, const RangeConf& conf) {
  if (m.status != 200 || txn.parent || txn.request.version < 10 || m.body != http::Body::length) return false;
  if (conf.most.get(kUnlimited) == 0) return false;
  return txn.local_reply ? m.headers.has(Name::accept_ranges) : conf.proxied.get(false);
}

class RangeFilter final : public Filter {
 public:
  explicit RangeFilter(const RangeConf& conf) : conf_(conf) {}

  bool head(Transaction& txn, Message& m) override {
    if (!may_split(txn, m, conf_)) return false;
    arena_ = &txn.arena;
    length_ = m.content_length;
    if (wanted_ranges(txn, m, length_, ranges_) != RangeVerdict::parts || !prepare()) {
      m.headers.set(Name::accept_ranges, "Accept-Ranges", "bytes");
      return false;
    }
    for (Name id : {Name::accept_ranges, Name::content_length, Name::content_range}) m.headers.remove(id);
    m.status = 206;
    m.reason = {};
    if (ranges_.size == 1) {
      m.headers.add("Content-Range", content_range(*arena_, ranges_[0], length_), Name::content_range);
      m.content_length = ranges_[0].end - ranges_[0].begin;
    } else {
      multipart_head(m);
    }
    return true;
  }

  void data(Str data, bool end) override {
    if (kept_)
      keep(data);
    else
      stream(data);
    offset_ += data.size();
    if (!end) return;
    for (uint32_t i = 0; kept_ && i < ranges_.size; i++) {
      emit(part_heads_[i], false);
      emit({kept_[i], ranges_[i].end - ranges_[i].begin}, false);
    }
    emit(tail_, true);
  }

 private:
  // Decides how the parts are made. False: too much would have to be kept.
  bool prepare() {
    bool ascending = true;
    uint64_t total = 0;
    for (uint32_t i = 0; i < ranges_.size; i++) {
      total += ranges_[i].end - ranges_[i].begin;
      if (i && ranges_[i].begin < ranges_[i - 1].end) ascending = false;
    }
    if (ascending) return true;
    if (total > kKept) return false;
    kept_ = arena_->array<char*>(ranges_.size);
    for (uint32_t i = 0; i < ranges_.size; i++) kept_[i] = arena_->alloc_chars(ranges_[i].end - ranges_[i].begin);
    return true;
  }

  void multipart_head(Message& m) {
    static thread_local uint64_t counter = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&m)) & 0xffffff;
    std::string boundary = fmt::format("{:020}", ++counter);
    Str type = m.headers.value(Name::content_type);
    part_heads_ = arena_->array<Str>(ranges_.size);
    tail_ = arena_->dup(fmt::format("\r\n--{}--\r\n", boundary));
    m.content_length = tail_.size();
    for (uint32_t i = 0; i < ranges_.size; i++) {
      std::string type_line = type.empty() ? std::string() : fmt::format("Content-Type: {}\r\n", type);
      part_heads_[i] = arena_->dup(fmt::format("\r\n--{}\r\n{}Content-Range: {}\r\n\r\n", boundary, type_line,
                                               content_range(*arena_, ranges_[i], length_)));
      m.content_length += part_heads_[i].size() + ranges_[i].end - ranges_[i].begin;
    }
    m.headers.set(Name::content_type, "Content-Type", arena_->cat("multipart/byteranges; boundary=", boundary));
  }

  // The piece of `data` (which begins at offset_) that belongs to the range.
  Str piece(Str data, ByteRange r) const {
    uint64_t from = std::max(r.begin, offset_);
    uint64_t to = std::min(r.end, offset_ + data.size());
    return from < to ? data.substr(from - offset_, to - from) : Str{};
  }
  void stream(Str data) {
    while (part_ < ranges_.size) {
      ByteRange r = ranges_[part_];
      Str bytes = piece(data, r);
      if (bytes.empty()) return;
      if (part_heads_ && offset_ <= r.begin) emit(part_heads_[part_], false);
      emit(bytes, false);
      if (offset_ + data.size() < r.end) return;
      part_++;
    }
  }
  void keep(Str data) {
    for (uint32_t i = 0; i < ranges_.size; i++) {
      Str bytes = piece(data, ranges_[i]);
      if (!bytes.empty())
        memcpy(kept_[i] + (std::max(ranges_[i].begin, offset_) - ranges_[i].begin), bytes.data(), bytes.size());
    }
  }

  const RangeConf& conf_;
  Arena* arena_ = nullptr;
  ArenaList<ByteRange> ranges_;
  uint64_t length_ = 0;
  uint64_t offset_ = 0;
  uint32_t part_ = 0;
  char** kept_ = nullptr;
  Str* part_heads_ = nullptr;
  Str tail_;
};

Filter* make_filter(Transaction& txn, const void* conf) {
  const auto& c = *static_cast<const RangeConf*>(conf);
  if (!may_split(txn, txn.response, c)) return nullptr;
  // Without a request for ranges only Accept-Ranges is at stake, and local answers have it already.
  if (txn.local_reply && !txn.request.headers.has(Name::range)) return nullptr;
  return txn.arena.make<RangeFilter>(c);
}

// What was already made of the answer's head stays (Expires, added headers), but for what describes its body.
void carry_headers(Transaction& txn) {
  constexpr Name kOfBody[] = {Name::content_type, Name::content_length, Name::last_modified,
                              Name::etag,         Name::accept_ranges,  Name::content_range};
  of(txn).answer_headers = {};  // they are among the answer's already
  for (const http::Header& h : txn.response.headers)
    if (!h.removed && !h.hop && std::find(std::begin(kOfBody), std::end(kOfBody), h.id) == std::end(kOfBody))
      of(txn).answer_headers.push(txn.arena, h);
}

// The last header step: 416 in place of an answer that has nothing of what was asked for.
Next refuse_unsatisfiable(Transaction& txn, Cursor&, const void* conf) {
  const Message& m = txn.response;
  if (!txn.request.headers.has(Name::range) || !may_split(txn, m, *static_cast<const RangeConf*>(conf)))
    return Next::next;
  ArenaList<ByteRange> ranges;
  uint64_t length = m.content_length;
  if (wanted_ranges(txn, m, length, ranges) != RangeVerdict::unsatisfiable) return Next::next;
  carry_headers(txn);
  Str all = txn.arena.dup(fmt::format("bytes */{}", length));
  of(txn).answer_headers.push(txn.arena, {"Content-Range", all, Name::content_range});
  return finish_with(txn, 416);
}

void compile_range(Scope&, Location& l, void* conf) {
  if (static_cast<RangeConf*>(conf)->most.get(kUnlimited) == 0) return;
  l.response_steps.push_back({refuse_unsatisfiable, conf, {}});
  l.filters.push_back({make_filter, conf, kOrder});
}

bool read_number(Str& s, uint64_t& out) {
  size_t n = 0;
  while (n < s.size() && is_digit(s[n])) n++;
  auto number = parse_u64(s.substr(0, n));
  if (!number || *number > INT64_MAX) return false;
  out = *number;
  s.remove_prefix(n);
  return true;
}

void skip_spaces(Str& s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
}

// One "first-last", "first-" or "-length" at the front of `s`.
bool read_range(Str& s, uint64_t length, ByteRange& out) {
  skip_spaces(s);
  bool suffix = !s.empty() && s.front() == '-';
  out = {0, 0};
  if (!suffix) {
    if (!read_number(s, out.begin)) return false;
    skip_spaces(s);
    if (s.empty() || s.front() != '-') return false;
  }
  s.remove_prefix(1);
  if (!suffix) skip_spaces(s);
  if (!suffix && (s.empty() || s.front() == ',')) {
    out.end = length;
    return true;
  }
  uint64_t last = 0;
  if (!read_number(s, last)) return false;
  skip_spaces(s);
  if (!s.empty() && s.front() != ',') return false;
  if (suffix) {
    out.begin = last < length ? length - last : 0;
    out.end = length;
  } else {
    out.end = last >= length ? length : last + 1;
  }
  return true;
}

const Row kTable[] = {
    {"max_ranges",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_num,
     "number",
     "most ranges in one request; 0 switches byte ranges off",
     {},
     WEIR_FIELD(RangeConf, most)},
    {"proxy_force_ranges",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "byte ranges of proxied answers are made here",
     {},
     WEIR_FIELD(RangeConf, proxied),
     "off"},
};

}  // namespace

RangeVerdict parse_ranges(Arena& arena, Str header, uint64_t length, uint64_t most, ArenaList<ByteRange>& out) {
  if (header.size() < 7 || !istarts_with(header, "bytes=")) return RangeVerdict::whole;
  Str rest = header.substr(6);
  uint64_t total = 0, left = most;
  while (true) {
    ByteRange r;
    if (!read_range(rest, length, r)) return RangeVerdict::unsatisfiable;
    if (r.begin < r.end) {
      out.push(arena, r);
      total += r.end - r.begin;
      if (left-- == 0) return RangeVerdict::whole;
    } else if (r.begin == 0) {
      return RangeVerdict::whole;
    }
    if (rest.empty()) break;
    rest.remove_prefix(1);
  }
  if (out.empty()) return RangeVerdict::unsatisfiable;
  if (out.size == 1) return RangeVerdict::parts;
  if (total > length) return RangeVerdict::whole;
  // Many small parts must not cost more than the whole.
  if (most == kUnlimited && total + out.size * 256ull > length + 4096) return RangeVerdict::whole;
  return RangeVerdict::parts;
}

RangeVerdict wanted_ranges(Transaction& txn, const Message& response, uint64_t length, ArenaList<ByteRange>& out) {
  const http::Header* h = txn.request.headers.find(Name::range);
  if (!h) return RangeVerdict::whole;
  if (const http::Header* condition = txn.request.headers.find(Name::if_range)) {
    Str value = condition->value;
    if (value.size() >= 2 && value.ends_with('"')) {
      if (response.headers.value(Name::etag) != value) return RangeVerdict::whole;
    } else {
      int64_t when, changed;
      if (!parse_http_time(response.headers.value(Name::last_modified), changed)) return RangeVerdict::whole;
      if (!parse_http_time(value, when) || when != changed) return RangeVerdict::whole;
    }
  }
  auto most = static_cast<uint64_t>(conf_of<RangeConf>(txn, kRangeModule).most.get(kUnlimited));
  return most ? parse_ranges(txn.arena, h->value, length, most, out) : RangeVerdict::whole;
}

Str content_range(Arena& arena, ByteRange range, uint64_t length) {
  return arena.dup(fmt::format("bytes {}-{}/{}", range.begin, range.end - 1, length));
}

const Module kRangeModule{"range", sizeof(RangeConf), module_create<RangeConf>, kTable, nullptr, compile_range};

}  // namespace weir::nginx
