// `crt-store` sections: certificates loaded under names, for crt and crt-list to refer to (configuration.txt 12.7).
#include <fmt/format.h>

#include <algorithm>

#include "haproxy/bind.h"
#include "haproxy/tls_files.h"

namespace weir::haproxy {
namespace {

// One `load` line.
struct Load {
  SideFiles files;
  Str alias;
};

struct Store {
  Str name;
  Str crt_base, key_base;  // the global section's where the store has none
  bool loaded = false;
};

constexpr Str kPlanned[] = {"acme", "bits", "curves", "domains", "generate-dummy", "ips", "jwt", "keytype"};

bool take_alias(Scope& scope, const Word& word, Load& load) {
  load.alias = word.text;
  if (!word.text.starts_with('/')) return true;
  scope.error(word.where, "an alias does not begin with '/'", "write: alias NAME, and refer to it as @/NAME",
              fmt::format("cannot parse 'alias' value '{}', '/' is forbidden as the first character.", word.text));
  return false;
}

bool take_word(Scope& scope, const Store& store, const Word& name, const Word& value, Load& load) {
  struct File {
    Str name;
    std::string SideFiles::* to;
    Str base;
  } const kFiles[] = {{"crt", &SideFiles::certificate, store.crt_base},
                      {"key", &SideFiles::key, store.key_base},
                      {"issuer", &SideFiles::issuer, store.crt_base},
                      {"ocsp", &SideFiles::ocsp, store.crt_base},
                      {"sctl", &SideFiles::sctl, store.crt_base}};
  for (const File& f : kFiles) {
    if (name != f.name) continue;
    load.files.*f.to = based(f.base, value.text);
    return true;
  }
  if (name == "alias") return take_alias(scope, value, load);
  if (name == "ocsp-update" && value == "off") return true;
  if (name == "ocsp-update" || std::find(std::begin(kPlanned), std::end(kPlanned), name.text) != std::end(kPlanned)) {
    scope.planned(name.where, scope.keep(fmt::format("crt-store … {}", name.text)));
    return true;
  }
  scope.error(name.where, fmt::format("'{}' is not an option of load", name.text),
              "crt, key, issuer, ocsp, sctl, alias or ocsp-update",
              fmt::format("'load {0}' in section 'crt-store': unknown keyword '{0}'.", name.text));
  return false;
}

// What others refer to it by.
std::string name_of(const Store& store, const Load& load, Str written) {
  if (!load.alias.empty()) return fmt::format("@{}/{}", store.name, load.alias);
  if (store.name.empty()) return load.files.certificate;
  return fmt::format("@{}{}{}", store.name, written.starts_with('/') ? "" : "/", written);
}

void load_line(Scope& scope, Store& store, const Directive& d) {
  const Words words = Words(d.words).subspan(1);
  Load load;
  Str written;
  for (size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 == words.size()) {
      scope.error(words[i].where, fmt::format("'{}' has no value", words[i].text));
      return;
    }
    if (words[i] == "crt") written = words[i + 1].text;
    if (!take_word(scope, store, words[i], words[i + 1], load)) return;
  }
  if (written.empty()) {
    scope.error(d.where, "no certificate is named", "write: load crt FILE",
                "'load' in section 'crt-store': mandatory 'crt' parameter not found.");
    return;
  }
  store.loaded = true;
  load.files.beside = false;
  const std::string name = name_of(store, load, written);
  if (scope.global.certificates.find(name)) {
    scope.error(d.where, fmt::format("'{}' is loaded already", name),
                "load a certificate once, before it is used; an alias tells two apart",
                fmt::format("'load' in section 'crt-store': store '{}' was already defined.", name));
    return;
  }
  std::vector<std::string> faults;
  std::string warning;
  load_certificate(scope.global, name, load.files, faults, warning);
  for (const std::string& fault : faults) {
    auto named =
        std::ranges::find_if(d.words, [&](const Word& w) { return fault.contains(fmt::format("{}'", w.text)); });
    scope.missing_file(named == d.words.end() ? d.where : named->where, fault);
  }
  if (!warning.empty()) scope.warning(d.where, warning);
}

void base_line(Scope& scope, Store& store, const Directive& d) {
  if (store.loaded) {
    scope.error(d.where, fmt::format("'{}' stands behind a load line", d.name()), "write it in front",
                fmt::format("'{}' can't be used after a load line, use it at the beginning of the section.", d.name()));
    return;
  }
  if (d.words.size() == 2) (d.name() == "crt-base" ? store.crt_base : store.key_base) = d.words[1].text;
}

void bind_store(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  bind_lines(scope, d, kCrtStore);
  Store store{d.words.size() > 1 ? d.words[1].text : Str(), scope.global.crt_base, scope.global.key_base, false};
  for (const Directive& line : d.block) {
    if (line.name() == "load") load_line(scope, store, line);
    if (line.name() == "crt-base" || line.name() == "key-base") base_line(scope, store, line);
  }
}

// The section's own function reads its lines in their order.
void on_line(void*, const Directive&, const Row&) {}

constexpr Row kRows[] = {
    {"crt-store", kTop, 0, 1, Block::required, Inherit::none, bind_store, "[<name>]",
     "certificates loaded under names, @<name>/<crt> or @<name>/<alias>"},
    {"crt-base", kCrtStore, 1, 1, Block::none, Inherit::none, on_line, "<dir>",
     "directory of relative certificate names"},
    {"key-base", kCrtStore, 1, 1, Block::none, Inherit::none, on_line, "<dir>",
     "directory of relative private key names"},
    {"load", kCrtStore, 2, -1, Block::none, Inherit::none, on_line, "[crt <filename>] [param*]",
     "load a certificate: crt, key, ocsp, issuer, sctl, alias"},
};

}  // namespace

const config::Table kCrtStoreTable = kRows;

}  // namespace weir::haproxy
