// See haproxy/address.h.
#include "haproxy/address.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>

#include "config/place.h"
#include "haproxy/scope.h"
#include "net/passed.h"

namespace weir::haproxy {
namespace {

using Family = Address::Family;

struct Prefix {
  Str text;
  Family family;
  bool datagram;
  bool quic;
};
constexpr Prefix kPrefixes[] = {
    {"ipv4@", Family::ipv4, false, false},     {"ipv6@", Family::ipv6, false, false},
    {"tcp@", Family::any, false, false},       {"tcp4@", Family::ipv4, false, false},
    {"tcp6@", Family::ipv6, false, false},     {"mptcp@", Family::any, false, false},
    {"mptcp4@", Family::ipv4, false, false},   {"mptcp6@", Family::ipv6, false, false},
    {"udp@", Family::any, true, false},        {"udp4@", Family::ipv4, true, false},
    {"udp6@", Family::ipv6, true, false},      {"quic4@", Family::ipv4, true, true},
    {"quic6@", Family::ipv6, true, true},      {"unix@", Family::path, false, false},
    {"uxst@", Family::path, false, false},     {"uxdg@", Family::path, true, false},
    {"abns@", Family::abstract, false, false}, {"abnsz@", Family::abstract, false, false},
    {"fd@", Family::descriptor, false, false}, {"sockpair@", Family::socket_pair, false, false},
};

constexpr Str kStream = "stream+", kDatagram = "dgram+";

bool number(Str text, int max, int& out) {
  auto n = parse_u64(text);
  if (!n || *n > static_cast<uint64_t>(max)) return false;
  out = static_cast<int>(*n);
  return true;
}

// "80", "80-89", "+10", "-10".
bool parse_port(Str text, Address& out) {
  if (text.empty()) return true;
  if (text[0] == '+' || text[0] == '-') {
    int n = 0;
    if (!number(text.substr(1), 65535, n)) return false;
    out.port_offset = true;
    out.port = out.last_port = text[0] == '-' ? -n : n;
    return true;
  }
  size_t dash = text.find('-');
  if (!number(text.substr(0, dash), 65535, out.port)) return false;
  out.last_port = out.port;
  if (dash == Str::npos) return true;
  return number(text.substr(dash + 1), 65535, out.last_port) && out.last_port >= out.port && out.port > 0;
}

bool parse_inet(Str text, Address& out, std::string& error) {
  Str port;
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == Str::npos) {
      error = fmt::format("'{}' lacks the closing bracket", text);
      return false;
    }
    out.host = text.substr(1, close - 1);
    Str rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') {
      error = fmt::format("'{}' is not expected behind the bracket", rest);
      return false;
    }
    if (!rest.empty()) port = rest.substr(1);
  } else {
    net::Addr whole;
    size_t colon = text.rfind(':');
    bool plain_v6 = text.size() > 1 && text.find(':') != colon && !text.starts_with(':') &&
                    net::parse_ip(text, whole) && out.family == Family::ipv6 && colon == Str::npos;
    if (colon == Str::npos || plain_v6) {
      out.host = text;
    } else {
      out.host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
  }
  if (!parse_port(port, out)) {
    error = fmt::format("'{}' is not a port or a range of ports", port);
    return false;
  }
  return true;
}

bool in_name(char c) {
  return is_digit(c) || c == '_' || (lower(c) >= 'a' && lower(c) <= 'z');
}

// The first variable in the word's source that the environment lacks, or empty.
std::string unset_variable(const Word& word) {
  Str raw = config::text_at(word.where).substr(0, word.where.length);
  for (size_t at = raw.find('$'); at != Str::npos; at = raw.find('$', at + 1)) {
    size_t begin = raw.find_first_not_of("{\"", at + 1), end = begin;
    while (end < raw.size() && in_name(raw[end])) end++;
    if (begin == Str::npos || begin == end) continue;
    std::string name(raw.substr(begin, end - begin));
    const char* value = getenv(name.c_str());
    if (!value || !*value) return name;
  }
  return {};
}

// $NAME and ${NAME} count in addresses even where quotes would be needed elsewhere.
std::string expand(Str text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    bool braces = i + 1 < text.size() && text[i + 1] == '{';
    size_t begin = i + (braces ? 2 : 1), end = begin;
    while (end < text.size() && in_name(text[end])) end++;
    bool closed = !braces || (end < text.size() && text[end] == '}');
    if (text[i] != '$' || end == begin || !closed) {
      out += text[i];
      continue;
    }
    const char* value = getenv(std::string(text.substr(begin, end - begin)).c_str());
    out += value ? value : "";
    i = braces ? end : end - 1;
  }
  return out;
}

}  // namespace

bool says_stream(Str text) {
  Str prefix = text.substr(0, text.find('@'));
  constexpr Str kStreams[] = {"tcp", "tcp4", "tcp6", "mptcp", "mptcp4", "mptcp6", "uxst"};
  return prefix.size() < text.size() &&
         (prefix.starts_with("stream+") ||
          std::find(std::begin(kStreams), std::end(kStreams), prefix) != std::end(kStreams));
}

bool parse_address(Str text, Address& out, std::string& error, Arena& arena) {
  if (text.find('$') != Str::npos) {
    Str whole = arena.dup(expand(text));
    if (whole.empty()) {
      error = fmt::format("'{}' resolves to an empty address (environment variable missing?)", text);
      return false;
    }
    text = whole;
  }
  // The kind of socket may stand in front of any of them, and of an address alone.
  const bool stream = text.starts_with(kStream), datagram = text.starts_with(kDatagram);
  Str rest = text.substr(stream ? kStream.size() : datagram ? kDatagram.size() : 0);
  out.datagram = datagram;
  for (const Prefix& p : kPrefixes) {
    if (!rest.starts_with(p.text)) continue;
    out.family = p.family;
    if (!stream && !datagram) out.datagram = p.datagram;
    out.quic = p.quic;
    out.zero_terminated = p.text == Str("abnsz@");
    rest = rest.substr(p.text.size());
    break;
  }
  if (out.family == Family::any && rest.starts_with('/')) out.family = Family::path;
  switch (out.family) {
    case Family::path:
    case Family::abstract:
      out.host = rest;
      if (rest.empty())
        error = "the path of the socket is missing";
      else if (rest.size() >= sizeof(sockaddr_un::sun_path))
        error = fmt::format("the socket path '{}' is too long (max {})", rest, sizeof(sockaddr_un::sun_path) - 1);
      return error.empty();
    case Family::descriptor:
    case Family::socket_pair:
      if (number(rest, 1 << 20, out.fd)) return true;
      out.fd = out.family == Family::descriptor ? net::passed_descriptor(rest) : -1;
      if (out.fd >= 0) return true;
      error = fmt::format("'{}' is not a file descriptor's number", rest);
      return false;
    default: return parse_inet(rest, out, error);
  }
}

bool resolve_host(Str host, Family family, net::Addr& out) {
  if (net::parse_ip(host, out)) {
    bool fits = family == Family::any || (family == Family::ipv4 ? out.family == AF_INET : out.family == AF_INET6);
    return fits;
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
  addrinfo* list = nullptr;
  if (getaddrinfo(std::string(host).c_str(), nullptr, &hints, &list) != 0) return false;
  const addrinfo* best = nullptr;
  for (const addrinfo* a = list; a; a = a->ai_next)
    if (!best || (best->ai_family != AF_INET && a->ai_family == AF_INET)) best = a;
  if (best) out = net::Addr::from(best->ai_addr, best->ai_addrlen);
  freeaddrinfo(list);
  return best != nullptr;
}

bool socket_addresses(const Address& a, Arena& arena, std::vector<net::Addr>& out, std::string& error) {
  net::Addr addr;
  if (a.family == Family::path || a.family == Family::abstract) {
    Str path = arena.dup(a.host);
    addr.family = AF_UNIX;
    addr.abstract = a.family == Family::abstract;
    addr.exact = a.zero_terminated;
    addr.path = path.data();
    addr.path_size = static_cast<uint16_t>(path.size());
    out.push_back(addr);
    return true;
  }
  if (a.host.empty() || a.host == "*") {
    addr.family = a.family == Family::ipv6 ? AF_INET6 : AF_INET;
  } else if (!resolve_host(a.host, a.family, addr)) {
    error = fmt::format("could not resolve address '{}'", a.host);
    return false;
  }
  int first = a.port < 0 ? 0 : a.port;
  for (int port = first; port <= std::max(first, a.last_port); port++) {
    addr.port = static_cast<uint16_t>(port);
    out.push_back(addr);
  }
  return true;
}

bool has_port_to_listen(Scope& scope, const Word& word, Str text, const Address& a, Str who) {
  if (!a.is_inet() || (a.port > 0 && !a.port_offset)) return true;
  if (a.port == 0) {
    report_address(scope, word, fmt::format("nobody can listen on port 0, as '{}' says", text),
                   "a port from 1 to 65535", fmt::format("'{}' : invalid port '0'", who));
    return false;
  }
  Str host = text.ends_with(':') ? text.substr(0, text.size() - 1) : text;
  const bool is_port = host.find_first_not_of("0123456789-") == Str::npos;
  net::Addr literal;
  std::string remedy = is_port ? fmt::format("write: :{}", host) : fmt::format("write: {}:80", host);
  if (!is_port && !text.ends_with(':') && !net::parse_ip(a.host, literal)) remedy += ", or a path, which begins with /";
  report_address(scope, word, fmt::format("'{}' lacks the port to listen on", text), remedy,
                 fmt::format("'{}' : missing port specification in '{}'", who, text));
  return false;
}

void report_address(Scope& scope, const Word& word, const std::string& problem, std::string remedy,
                    std::string product) {
  std::string name = unset_variable(word);
  if (name.empty()) {
    scope.error(word.where, problem, std::move(remedy), std::move(product));
  } else if (scope.options.offline) {
    scope.diag.note(word.where, fmt::format("the address is not checked: the variable {} is not set here", name));
  } else {
    scope.error(word.where, problem, fmt::format("set the environment variable {}", name), std::move(product));
  }
}

}  // namespace weir::haproxy
