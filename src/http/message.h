#pragma once
// What every codec and applet produces and consumes: one request or response head, its ordered header list with the
// original bytes and duplicates, and how its body ends. No framing: Content-Length, Transfer-Encoding and Connection are
// read by the receiving codec into the fields below and written anew by the sending one. The originals stay in the list,
// marked hop-by-hop, so that a rule that asks for them finds them.
// All spans live in the arena of the transaction that owns the message.
#include <cstdint>

#include "base/arena.h"
#include "base/str.h"
#include "http/names.h"

namespace weir::http {

struct Header {
  Str name;
  Str value;  // without surrounding white space
  Name id = Name::other;
  bool hop = false;  // hop-by-hop (RFC 9110 7.6.1) or listed in Connection: not forwarded
  bool removed = false;  // deleted by a rule; skipped by every reader
};

// An ordered multimap. Reading is a scan: messages have a dozen headers, and the interned id makes a comparison one byte.
class HeaderList {
 public:
  void bind(Arena& arena) { arena_ = &arena; }
  // Room for `n` headers in an empty list, so that filling it does not copy.
  void reserve(uint32_t n) {
    if (list_.capacity) return;
    list_.data = static_cast<Header*>(arena_->alloc(sizeof(Header) * n, alignof(Header)));
    list_.capacity = n;
  }
  Arena& arena() const { return *arena_; }

  Header& add(Str name, Str value, Name id) {
    present_ |= bit(id);
    return list_.push(*arena_, Header{name, value, id});
  }
  Header& add(Str name, Str value) { return add(name, value, name_id(name)); }

  // The first header of that name from `after` on (exclusive; null: from the start), or null.
  Header* find(Name id, const Header* after = nullptr) const {
    if (!(present_ & bit(id))) return nullptr;
    for (Header* h = after ? const_cast<Header*>(after) + 1 : list_.begin(); h != list_.end(); h++)
      if (h->id == id && !h->removed) return h;
    return nullptr;
  }
  // Any name, compared without case. Interned names are found by id.
  Header* find(Str name, const Header* after = nullptr) const;
  Header* find_last(Name id) const;
  Str value(Name id) const {
    const Header* h = find(id);
    return h ? h->value : Str{};
  }
  // Sets the first one and removes the others; adds it when there is none.
  void set(Name id, Str name, Str value);
  void set(Str name, Str value) { set(name_id(name), name, value); }
  // Removes all of that name; returns how many there were.
  int remove(Name id);
  int remove(Str name);

  void clear() {
    list_.size = 0;
    present_ = 0;
  }
  Header* begin() const { return list_.begin(); }
  Header* end() const { return list_.end(); }
  uint32_t size() const { return list_.size; }  // removed ones included
  bool has(Name id) const { return find(id) != nullptr; }

 private:
  static uint64_t bit(Name id) { return 1ull << (static_cast<unsigned>(id) & 63); }

  ArenaList<Header> list_;
  uint64_t present_ = 0;  // Bloom word over ids: a clear bit means certainly absent
  Arena* arena_ = nullptr;
};

enum class Method : uint8_t {
  other,
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  mkcol,
  copy,
  move,
  propfind,
  proppatch,
  lock,
  unlock,
};
Method method_id(Str token);
Str method_name(Method method);
// RFC 9110 9.2.1: asking for it changes nothing. `other` is not.
bool is_safe(Method method);
// RFC 9110 9.2.2: repeating it has no further effect. `other` is not.
bool is_idempotent(Method method);

// How the body of a message ends.
enum class Body : uint8_t {
  none,  // there is none, whatever the headers say
  length,  // `content_length` bytes
  chunked,  // ends by itself, length not known beforehand
  close,  // ends with the connection (responses only)
  tunnel,  // after 101 or CONNECT: bytes both ways until both sides close
};

struct Message {
  explicit Message(Arena& arena) {
    headers.bind(arena);
    trailers.bind(arena);
  }

  // Start line. Requests have method, target and the rest up to `status`; responses have status and reason.
  Method method = Method::other;
  uint8_t version = 11;  // 10 or 11 as received; 20 for HTTP/2
  uint16_t status = 0;
  Str method_text;
  Str target;  // as received
  Str authority;  // host[:port] from the absolute target or Host; empty when there is none
  Str scheme;  // of an absolute target, else empty
  Str path;  // path with query of the target: "/a?b"; "*" for OPTIONS *; authority form for CONNECT
  Str reason;
  Str raw_head;  // the head as received, start line and empty line included

  HeaderList headers;
  HeaderList trailers;  // filled when the body has ended

  Body body = Body::none;
  uint64_t content_length = 0;  // with Body::length
  bool keep_alive = true;  // what this message's sender allows for its connection
  bool expect_continue = false;  // Expect: 100-continue was asked for and not answered yet
  bool upgrade = false;  // a valid Connection: upgrade with an Upgrade header
  uint16_t header_bytes = 0;  // size of raw_head, for logs and limits (saturates)
};

}  // namespace weir::http
