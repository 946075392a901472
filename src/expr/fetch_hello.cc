// Fetches of a TLS hello that passes through undecrypted (`mode tcp`): its type, version, server name and protocols.
// RFC 8446 4.1.2, RFC 6066 3, RFC 7301 3.1. The record that carries a hello must have it whole, as clients send it.
#include "expr/fetch_helpers.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

constexpr size_t kRecordHeader = 5;     // type, version, length
constexpr size_t kHandshakeHeader = 4;  // type, length in three bytes
constexpr uint8_t kHandshake = 0x16;
constexpr uint8_t kClientHello = 1;

// Reads big-endian numbers off a span; `good` turns false when it ends too early.
struct Reader {
  Str rest;
  bool good = true;

  uint32_t number(size_t bytes) {
    Str s = take(bytes);
    uint32_t n = 0;
    for (char c : s) n = n << 8 | static_cast<uint8_t>(c);
    return n;
  }
  Str take(size_t bytes) {
    if (bytes > rest.size()) {
      good = false;
      bytes = 0;
    }
    Str s = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return s;
  }
  // A block behind its own length.
  Str block(size_t length_bytes) { return take(number(length_bytes)); }
};

enum class State : uint8_t { there, no, short_of_bytes };

uint8_t byte(Str s, size_t at) {
  return static_cast<uint8_t>(s[at]);
}

// Whether `s` starts with an SSLv3 or TLS record of at least `bytes`.
State record(Str s, size_t bytes) {
  if (s.empty()) return State::short_of_bytes;
  bool known_type = (byte(s, 0) >= 0x14 && byte(s, 0) <= 0x17) || byte(s, 0) == 0xff;
  if (!known_type || (s.size() > 1 && byte(s, 1) < 3)) return State::no;
  return s.size() < bytes ? State::short_of_bytes : State::there;
}

State hello(Str s, uint32_t& type, Str& body) {
  State state = record(s, kRecordHeader + kHandshakeHeader);
  if (state != State::there) return state;
  Reader r{s.substr(kRecordHeader)};
  type = r.number(1);
  uint32_t size = r.number(3);
  if (size > r.rest.size()) return State::short_of_bytes;
  body = r.take(size);
  return State::there;
}

Str bytes_of(const Ctx& ctx, bool response) {
  if (hooks.inspect) return hooks.inspect(ctx, response);
  bool complete;
  return response ? Str{} : request_body(ctx, complete);
}

// Decrypted and parsed messages have no hello.
bool hidden(const Ctx& ctx) {
  return !ctx.txn || !ctx.txn->tcp;
}

template <bool response>
bool hello_type(const Ctx& ctx, const Arg*, Value& out) {
  uint32_t type = 0;
  Str body;
  if (hidden(ctx)) return false;
  State state = hello(bytes_of(ctx, response), type, body);
  if (state == State::short_of_bytes) return not_yet(ctx);
  return state == State::there && give(out, int64_t{type});
}

// Major version in the high half: SSLv3 is 3.0, TLS 1.2 is 3.3.
bool version(const Ctx& ctx, const Arg*, Value& out) {
  if (hidden(ctx)) return false;
  Str s = bytes_of(ctx, false);
  State state = record(s, kRecordHeader + kHandshakeHeader + 2);
  if (state == State::short_of_bytes) return not_yet(ctx);
  if (state == State::no) return false;
  size_t at = kRecordHeader + kHandshakeHeader;
  return give(out, int64_t{byte(s, at) << 16 | byte(s, at + 1)});
}

// A ClientHello's list of ciphers, and its extensions.
struct Offer {
  Str ciphers, extensions;
};
State client_hello(const Ctx& ctx, Offer& out) {
  uint32_t type = 0;
  Str body;
  if (hidden(ctx)) return State::no;
  Str s = bytes_of(ctx, false);
  State state = hello(s, type, body);
  if (state != State::there) return state;
  if (byte(s, 0) != kHandshake || type != kClientHello) return State::no;
  Reader r{body};
  r.take(2 + 32);  // version, random
  r.block(1);      // session
  out.ciphers = r.block(2);
  r.block(1);      // compressions
  out.extensions = r.good ? r.block(2) : Str();
  return State::there;
}

// The data of an extension of the ClientHello; `found` tells an empty one from none.
State extension(const Ctx& ctx, uint32_t wanted, Str& data, bool& found) {
  found = false;
  Offer offer;
  State state = client_hello(ctx, offer);
  Reader list{offer.extensions};
  while (list.good && !list.rest.empty()) {
    uint32_t id = list.number(2);
    Str content = list.block(2);
    if (!list.good || id != wanted) continue;
    data = content;
    found = true;
    break;
  }
  return state;
}

constexpr uint32_t kServerName = 0;
constexpr uint32_t kGroups = 10;
constexpr uint32_t kSignatures = 13;
constexpr uint32_t kAlpn = 16;
constexpr uint32_t kTicket = 35;
constexpr uint32_t kKeyShare = 51;

bool server_name(const Ctx& ctx, const Arg*, Value& out) {
  Str data;
  bool found;
  if (extension(ctx, kServerName, data, found) == State::short_of_bytes) return not_yet(ctx);
  if (!found) return false;
  Reader list{Reader{data}.block(2)};
  while (list.good && !list.rest.empty()) {
    uint32_t type = list.number(1);
    Str name = list.block(2);
    if (list.good && type == 0) return give(out, name);
  }
  return false;
}

// Each protocol in turn for conditions, else the first.
bool alpn(const Ctx& ctx, const Arg*, Value& out) {
  Str data;
  bool found;
  if (extension(ctx, kAlpn, data, found) == State::short_of_bytes) return not_yet(ctx);
  if (!found) return false;
  Reader list{Reader{data}.block(2)};
  list.take(ctx.iteration ? ctx.iteration->state[0] : 0);
  size_t before = list.rest.size();
  Str name = list.block(1);
  if (!list.good) return false;
  if (ctx.iteration) {
    ctx.iteration->state[0] += before - list.rest.size();
    ctx.iteration->more = !list.rest.empty();
  }
  return give(out, name);
}

bool has_groups(const Ctx& ctx, const Arg*, Value& out) {
  Str data;
  bool found;
  State state = extension(ctx, kGroups, data, found);
  if (state == State::short_of_bytes) return not_yet(ctx);
  return state == State::there && give_bool(out, found);
}
// What lists hold, two bytes each, without their length.
bool give_list(Str list, Value& out) {
  out = Value::of_binary(list);
  return !list.empty();
}
bool cipher_list(const Ctx& ctx, const Arg*, Value& out) {
  Offer offer;
  if (client_hello(ctx, offer) == State::short_of_bytes) return not_yet(ctx);
  return give_list(offer.ciphers, out);
}
template <uint32_t kind>
bool listed(const Ctx& ctx, const Arg*, Value& out) {
  Str data;
  bool found;
  if (extension(ctx, kind, data, found) == State::short_of_bytes) return not_yet(ctx);
  return found && give_list(Reader{data}.block(2), out);
}
// The groups of the keys that the client has sent at once (RFC 8446 4.2.8).
bool key_share_groups(const Ctx& ctx, const Arg*, Value& out) {
  Str data;
  bool found;
  if (extension(ctx, kKeyShare, data, found) == State::short_of_bytes) return not_yet(ctx);
  if (!found) return false;
  std::string groups;
  Reader list{Reader{data}.block(2)};
  while (list.good && !list.rest.empty()) {
    Str group = list.take(2);
    list.block(2);
    if (list.good) groups += group;
  }
  return give_list(ctx.arena->dup(groups), out);
}
// 0: no ticket extension, 1: an empty one, 2: with a ticket.
bool ticket(const Ctx& ctx, const Arg*, Value& out) {
  Str data;
  bool found;
  State state = extension(ctx, kTicket, data, found);
  if (state == State::short_of_bytes) return not_yet(ctx);
  return state == State::there && give(out, int64_t{!found ? 0 : data.empty() ? 1 : 2});
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr uint16_t kIn = kRequestBytes;
constexpr uint16_t kBack = kResponseBytes;

// clang-format off
constexpr FetchDef kTable[] = {
    {"rep_ssl_hello_type", 0, 0, kInt, kBack, hello_type<true>, nullptr, "the type of the server's hello"},
    {"req.ssl_alpn", 0, 0, kText, kIn, alpn, nullptr, "the protocols that the client offers"},
    {"req.ssl_cipherlist", 0, 0, Type::binary, kIn, cipher_list, nullptr, "the ciphers that the client offers"},
    {"req.ssl_ec_ext", 0, 0, Type::boolean, kIn, has_groups, nullptr, "whether the client names elliptic curves"},
    {"req.ssl_hello_type", 0, 0, kInt, kIn, hello_type<false>, nullptr, "the type of the client's hello"},
    {"req.ssl_keyshare_groups", 0, 0, Type::binary, kIn, key_share_groups, nullptr,
     "the groups that the client has sent keys of"},
    {"req.ssl_sigalgs", 0, 0, Type::binary, kIn, listed<kSignatures>, nullptr, "the signatures that the client takes"},
    {"req.ssl_sni", 0, 0, kText, kIn, server_name, nullptr, "the server name that the client asks for"},
    {"req.ssl_st_ext", 0, 0, kInt, kIn, ticket, nullptr, "whether the client has a session ticket"},
    {"req.ssl_supported_groups", 0, 0, Type::binary, kIn, listed<kGroups>, nullptr,
     "the groups that the client can exchange keys with"},
    {"req.ssl_ver", 0, 0, kInt, kIn, version, nullptr, "the version in the client's hello"},
    {"req_ssl_hello_type", 0, 0, kInt, kIn, hello_type<false>, nullptr, "the type of the client's hello"},
    {"req_ssl_sni", 0, 0, kText, kIn, server_name, nullptr, "the server name that the client asks for"},
    {"req_ssl_ver", 0, 0, kInt, kIn, version, nullptr, "the version in the client's hello"},
    {"res.ssl_hello_type", 0, 0, kInt, kBack, hello_type<true>, nullptr, "the type of the server's hello"},
};
// clang-format on

}  // namespace

FetchTable hello_fetches() {
  return kTable;
}

}  // namespace weir::expr
