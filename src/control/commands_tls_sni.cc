// Which names the frontends have certificates for (management.txt, `show ssl sni`).
#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "control/certificate_text.h"
#include "control/command.h"
#include "expr/args.h"
#include "net/tls_store.h"

namespace weir::control {
namespace {

struct Options {
  Str front;  // empty: all
  bool expired = false;  // by then only
  int64_t offset_s = 0;
};

struct Row {
  std::string name;
  std::string but;  // what a wildcard is not for
  const net::TlsEntry* entry;
};

// The names of a bind line as the product has them in its trees: plain ones before wildcards, each in alphabetic order.
std::vector<Row> rows_of(const net::TlsListener& listener) {
  std::vector<Row> rows;
  for (const net::TlsEntry& e : listener.entries) {
    const auto& names = e.filters.empty() ? e.certificate->identity->names() : e.filters;
    std::string but;
    for (const std::string& n : names)
      if (n.starts_with('!')) but += n + ' ';
    const bool listed = std::find(names.begin(), names.end(), "*") != names.end();
    const bool first = &e == &listener.entries.front() && !listener.names.strict();
    if ((e.fallback || first) && !listed) rows.push_back({"*", but, &e});
    for (const std::string& n : names)
      if (!n.starts_with('!')) rows.push_back({n, n.starts_with('*') ? but : std::string(), &e});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const bool wild_a = a.name.starts_with('*'), wild_b = b.name.starts_with('*');
    return wild_a != wild_b ? wild_b : a.name < b.name;
  });
  return rows;
}

Str kind_text(net::KeyKind kind) {
  return kind == net::KeyKind::ecdsa ? "ecdsa" : kind == net::KeyKind::rsa ? "rsa" : "dsa";
}

void add(std::string& out, const net::TlsListener& listener, const Options& options) {
  time_t then = time(nullptr) + options.offset_s;
  for (const Row& row : rows_of(listener)) {
    const net::TlsIdentity& identity = *row.entry->certificate->identity;
    const X509* c = identity.certificate();
    if (options.expired && X509_cmp_time(X509_get0_notAfter(c), &then) > 0) continue;
    out += fmt::format("{}/{}\t{}\t{}\t{}\t{}\t{}\t{}\n", listener.front, listener.place, row.name,
                       row.but.empty() ? "-" : row.but, kind_text(identity.kind()), row.entry->certificate->name,
                       time_text(X509_get0_notAfter(c)), time_text(X509_get0_notBefore(c)));
  }
}

// What is wrong; empty: nothing.
std::string read_options(Call& call, Options& options) {
  for (size_t i = 3; i < call.words.size(); i++) {
    const Str word = call.word(i);
    if (word == "-A") {
      options.expired = true;
    } else if (word == "-f") {
      options.front = call.word(++i);
      if (options.front.empty()) return "'-f' requires a frontend name!\n";
      if (!call.server.catalogue().find_front(options.front)) return "Couldn't find the specified frontend!\n";
    } else if (word == "-t") {
      uint64_t us = 0;
      std::string why;
      if (call.word(++i).empty()) return "'-t' requires an offset argument!\n";
      if (!expr::parse_time_us(call.word(i), 1'000'000, us, why))
        return fmt::format("'-t {}' : {}\n", call.word(i), why);
      if (!us) return "'-t' expects a positive value\n";
      options.offset_s = static_cast<int64_t>(us / 1'000'000);
    } else {
      return "Invalid parameters, 'show ssl sni' only supports '-f', '-A' or '-t' options!\n";
    }
  }
  return {};
}

Outcome show(Call& call) {
  Options options;
  if (const std::string why = read_options(call, options); !why.empty()) return call.refuse(why);
  call.out += "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n";
  const net::TlsStore* store = call.server.catalogue().certificates;
  if (!store) return Outcome::done;
  for (const net::TlsListener& l : store->listeners())
    if (options.front.empty() || options.front == l.front) add(call.out, l, options);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "ssl", "sni"},
     Level::operate,
     "show ssl sni [-f <frontend>] [-A] [-t <offset>]",
     "the names that there are certificates for, or those that have expired by then",
     show},
};

}  // namespace

const Commands kSniCommands = kRows;

}  // namespace weir::control
