// See haproxy/absolute_target.h.
#include "haproxy/absolute_target.h"

namespace weir::haproxy {
namespace {

// Where the port's colon is, or npos.
size_t port_of(Str authority) {
  size_t colon = authority.rfind(':');
  return colon == Str::npos || authority.find(']', colon) != Str::npos ? Str::npos : colon;
}

bool implied(Str port, Str scheme) {
  return port.empty() || port == (iequals(scheme, "https") ? "443" : "80");
}

// The start line with another target, in front of what follows it.
Str with_target(const http::Message& m, Str target) {
  size_t end = m.raw_head.find_first_of("\r\n");
  size_t version = m.raw_head.substr(0, end).rfind(' ');
  return m.headers.arena().cat(m.method_text, " ", target, m.raw_head.substr(version));
}

// CONNECT has no scheme: both ports are implied ones.
void normalize_connect(http::Message& m) {
  http::Header* h = m.headers.find(http::Name::host);
  size_t colon = h ? port_of(h->value) : Str::npos;
  if (colon == Str::npos) return;
  Str port = h->value.substr(colon + 1);
  if (port == "80" || port == "443") h->value = h->value.substr(0, colon);
}

}  // namespace

void normalize_target(http::Message& m) {
  if (m.method == http::Method::connect) return normalize_connect(m);
  Str host = m.authority;
  size_t colon = port_of(host);
  bool drops_port = colon != Str::npos && implied(host.substr(colon + 1), m.scheme);
  if (drops_port) host = host.substr(0, colon);
  size_t begin = m.scheme.size() + 3;
  size_t slash = m.target.find_first_of("/?#", begin);
  bool lacks_path = slash == Str::npos && m.method != http::Method::options;
  if (!drops_port && !lacks_path) return;
  size_t end = slash == Str::npos ? m.target.size() : slash;
  Str user = m.target.substr(begin, end - begin);
  user = user.substr(0, user.rfind('@') + 1);
  Str path = slash == Str::npos ? (lacks_path ? Str("/") : Str()) : m.target.substr(slash);
  Str target = m.headers.arena().cat(m.target.substr(0, begin), user, host, path);
  m.raw_head = with_target(m, target);
  m.target = target;
  m.authority = host;
  if (http::Header* h = m.headers.find(http::Name::host)) h->value = host;
}

}  // namespace weir::haproxy
