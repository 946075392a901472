// Fetches of the Authorization header. Who may come in is decided by the user lists' owner (hooks.authenticate).
#include "expr/args.h"
#include "expr/encode.h"
#include "expr/fetch_helpers.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

enum class Scheme : uint8_t { none, basic, bearer, digest };

struct Credentials {
  Scheme scheme = Scheme::none;
  Str user;
  Str password;
  Str token;
};

// Proxies ask with Proxy-Authorization for absolute targets and CONNECT (HAProxy: `option http_proxy` is gone, only the
// target decides).
Str authorization_of(const http::Message& m) {
  bool to_proxy = m.method == http::Method::connect || !m.scheme.empty();
  if (to_proxy && m.headers.has(http::Name::proxy_authorization))
    return m.headers.value(http::Name::proxy_authorization);
  return m.headers.value(http::Name::authorization);
}

bool read_credentials(const Ctx& ctx, Credentials& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  Str rest = trim(authorization_of(*m));
  Str scheme = cut(rest, ' ');
  rest = trim(rest);
  if (iequals(scheme, "Bearer") && !rest.empty()) {
    out.scheme = Scheme::bearer;
    out.token = rest;
  } else if (iequals(scheme, "Digest")) {
    out.scheme = Scheme::digest;
  } else if (iequals(scheme, "Basic")) {
    Str pair;
    if (!decode_base64(rest, false, *ctx.arena, pair)) return false;
    size_t colon = pair.find(':');
    if (colon == Str::npos || pair.find('\0') != Str::npos) return false;
    out.scheme = Scheme::basic;
    out.user = pair.substr(0, colon);
    out.password = pair.substr(colon + 1);
  }
  return out.scheme != Scheme::none;
}
bool read_basic(const Ctx& ctx, Credentials& out) {
  return read_credentials(ctx, out) && out.scheme == Scheme::basic;
}

bool auth_type(const Ctx& ctx, const Arg*, Value& out) {
  Credentials c;
  if (!read_credentials(ctx, c)) return false;
  return give(out, c.scheme == Scheme::basic    ? Str("Basic")
                   : c.scheme == Scheme::bearer ? Str("Bearer")
                                                : Str("Digest"));
}
bool auth_user(const Ctx& ctx, const Arg*, Value& out) {
  Credentials c;
  return read_basic(ctx, c) && give(out, c.user);
}
bool auth_password(const Ctx& ctx, const Arg*, Value& out) {
  Credentials c;
  return read_basic(ctx, c) && give(out, c.password);
}
// The token of Authorization, or of another header.
bool auth_bearer(const Ctx& ctx, const Arg* args, Value& out) {
  if (args[0].str.empty()) {
    Credentials c;
    return read_credentials(ctx, c) && c.scheme == Scheme::bearer && give(out, c.token);
  }
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  const http::Header* h = m->headers.find(args[0].str);
  Str rest = h ? h->value : Str{};
  return iequals(cut(rest, ' '), "Bearer") && !trim(rest).empty() && give(out, trim(rest));
}

// Whether the user is in the list with that password; `groups` are his.
bool known_user(const Ctx& ctx, const Arg* args, bool& known, Str& groups) {
  Credentials c;
  if (!read_basic(ctx, c)) return false;
  auto* list = static_cast<const Reference*>(args[0].object);
  known = hooks.authenticate && hooks.authenticate(ctx, list->name, c.user, c.password, &groups);
  return true;
}
bool auth(const Ctx& ctx, const Arg* args, Value& out) {
  bool known = false;
  Str groups;
  return known_user(ctx, args, known, groups) && give_bool(out, known);
}
bool auth_group(const Ctx& ctx, const Arg* args, Value& out) {
  bool known = false;
  Str groups;
  return known_user(ctx, args, known, groups) && known && give(out, groups);
}

constexpr Type kText = Type::string;

// clang-format off
constexpr FetchDef kTable[] = {
    {"http_auth", 1, 1, Type::boolean, kRequestHead, auth, nullptr, "whether the user is in a list with this password", "u"},
    {"http_auth_bearer", 0, 1, kText, kRequestHead, auth_bearer, nullptr, "the bearer token"},
    {"http_auth_group", 1, 1, kText, kRequestHead, auth_group, nullptr, "the groups of the user in a list", "u"},
    {"http_auth_pass", 0, 0, kText, kRequestHead, auth_password, nullptr, "the password of Basic authentication"},
    {"http_auth_type", 0, 0, kText, kRequestHead, auth_type, nullptr, "Basic, Bearer or Digest"},
    {"http_auth_user", 0, 0, kText, kRequestHead, auth_user, nullptr, "the user of Basic authentication"},
};
// clang-format on

}  // namespace

FetchTable auth_fetches() {
  return kTable;
}

}  // namespace weir::expr
