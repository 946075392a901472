// See haproxy/crt_list.h.
#include "haproxy/crt_list.h"

#include <fmt/format.h>

#include "config/place.h"
#include "haproxy/bind.h"
#include "haproxy/tls.h"

namespace weir::haproxy {
namespace {

// Options of bind lines that one certificate may have for itself.
constexpr Str kOwn[] = {"allow-0rtt",     "alpn",     "ca-file", "ca-verify-file", "ciphers",     "ciphersuites",
                        "client-sigalgs", "crl-file", "curves",  "ecdhe",          "ktls",        "no-alpn",
                        "no-ca-names",    "npn",      "sigalgs", "ssl-min-ver",    "ssl-max-ver", "verify"};

bool is_own(Str name) {
  return std::find(std::begin(kOwn), std::end(kOwn), name) != std::end(kOwn);
}

// Files of the certificate; true when `words[at]` was one of them, and `at` is left behind its argument.
bool take_file(Scope& scope, Words words, size_t& at, CrtLine& line, bool& ok) {
  const Str name = words[at].text;
  const Global& g = scope.global;
  struct File {
    Str name;
    std::string SideFiles::* to;
    Str base;
  } const kFiles[] = {{"crt", &SideFiles::certificate, g.crt_base},
                      {"key", &SideFiles::key, g.key_base},
                      {"issuer", &SideFiles::issuer, g.crt_base},
                      {"ocsp", &SideFiles::ocsp, g.crt_base},
                      {"sctl", &SideFiles::sctl, g.crt_base}};
  for (const File& f : kFiles) {
    if (f.name != name) continue;
    if (at + 1 >= words.size()) {
      scope.error(words[at].where, fmt::format("'{}' names no file", name), fmt::format("write: {} FILE", name));
      ok = false;
      return true;
    }
    line.files.*f.to = based(f.base, words[at + 1].text);
    at += 2;
    return true;
  }
  return false;
}

// A line of a list and its place; none at run time.
struct Spot {
  Str line;
  const Where& where;

  Where of(Str part) const {
    return where.source ? config::inside(where, static_cast<size_t>(part.data() - line.data()), part.size()) : where;
  }
};

// The words of a part of that line.
std::vector<Word> split(Scope& scope, Str text, const Spot& place) {
  std::vector<Word> words;
  while (!(text = trim(text)).empty()) {
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.push_back({scope.keep(text.substr(0, end)), config::Quote::none, place.of(text.substr(0, end))});
    text = text.substr(end);
  }
  return words;
}

bool add_filters(Scope& scope, Str text, const Spot& place, CrtLine& line) {
  bool wildcard = false, excludes = false;
  for (const Word& w : split(scope, text, place)) {
    std::string name(w.text);
    std::transform(name.begin(), name.end(), name.begin(), lower);
    if (name.starts_with("!*")) continue;  // without a meaning, says the manual
    if (name == "*") {
      line.fallback = true;
      continue;
    }
    const bool inner_star = name.rfind('*') != std::string::npos && name.rfind('*') > 0;
    if (inner_star || (name.starts_with('*') && !name.starts_with("*."))) {
      scope.error(w.where, fmt::format("'{}' is no wildcard: the asterisk stands for the first label", name),
                  "write: *.example.com");
      return false;
    }
    wildcard |= name.starts_with("*.");
    excludes |= name.starts_with('!');
    line.filters.push_back(std::move(name));
  }
  if (excludes && !wildcard)
    scope.warning(place.of(trim(text)),
                  "names with '!' are left out of wildcards, and this line has none: they have no effect");
  return true;
}

}  // namespace

bool take_crt_options(Scope& scope, Words words, CrtLine& line) {
  bool ok = true;
  for (size_t at = 0; at < words.size() && ok;) {
    if (take_file(scope, words, at, line, ok)) continue;
    const Word& word = words[at];
    if (word == "ocsp-update") {
      scope.planned(word.where, "ocsp-update");
      at += 2;
      continue;
    }
    if (!is_own(word.text)) {
      scope.error(word.where, fmt::format("'{}' is not an option of one certificate", word.text),
                  fmt::format("known here: crt, key, issuer, ocsp, sctl, {}", fmt::join(kOwn, ", ")));
      return false;
    }
    const Row* row = find_option(scope, word, kBindOption, "crt-list");
    Words args;
    if (!row || !take_option(scope, words, at, *row, args)) return false;
    if (!row->bind)
      scope.planned(word.where, fmt::format("crt-list … {}", row->name));
    else
      take_tls_option(scope, line.options, row->name, args);
  }
  return ok;
}

bool parse_crt_line(Scope& scope, Str text, const TlsOptions& base, const Where& where, CrtLine& line) {
  const Spot place{text, where};
  text = trim(text);
  if (text.empty() || text.starts_with('#')) return true;
  line.options = base;
  line.options.certificates = {};
  const size_t end = std::min(text.find_first_of(" \t["), text.size());
  line.certificate = text.substr(0, end);
  Str rest = trim(text.substr(end));
  line.rest = rest;
  if (rest.starts_with('[')) {
    const size_t close = rest.find(']');
    if (close == Str::npos) {
      scope.error(place.of(rest.substr(0, 1)), "the bracket that begins the certificate's options is not closed",
                  "write: FILE [OPTION ...] NAME ...");
      return false;
    }
    const std::vector<Word> words = split(scope, rest.substr(1, close - 1), place);
    if (!take_crt_options(scope, words, line)) return false;
    rest = rest.substr(close + 1);
  }
  return add_filters(scope, rest, place, line);
}

}  // namespace weir::haproxy
