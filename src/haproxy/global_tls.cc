// `global` words about TLS: where certificates are found, what bind and server lines start from, the session cache
// (configuration.txt 3).
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "haproxy/tls.h"

namespace weir::haproxy {
namespace {

const Word& first(const Directive& d, const Row& row) {
  return args_of(d, row)[0];
}

template <Str Global::* member>
void bind_text(void* s, const Directive& d, const Row& row) {
  scope_of(s).global.*member = first(d, row).text;
}

TlsOptions& side(Scope& scope, const Row& row) {
  return row.name.find("bind") != Str::npos ? scope.global.bind_tls : scope.global.server_tls;
}

void bind_words(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  TlsOptions& o = side(scope, row);
  Words args = args_of(d, row);
  for (size_t i = 0; i < args.size(); i++) {
    bool version = args[i] == "ssl-min-ver" || args[i] == "ssl-max-ver";
    if (version && i + 1 < args.size()) {
      take_tls_option(scope, o, args[i].text, args.subspan(i + 1, 1));
      i++;
    } else if (!set_tls_word(o, args[i].text)) {
      scope.error(args[i].where, fmt::format("'{}' is not an option of TLS", args[i].text));
    }
  }
}

template <Str TlsOptions::* member>
void bind_list(void* s, const Directive& d, const Row& row) {
  side(scope_of(s), row).*member = first(d, row).text;
}

void bind_server_verify(void* s, const Directive& d, const Row& row) {
  scope_of(s).global.server_verify_none = first(d, row) == "none";
}

void bind_extra_files(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  struct Kind {
    Str name;
    uint8_t bits;
  };
  constexpr Kind kKinds[] = {{"none", 0},     {"all", kAllFiles},   {"bundle", kBundles}, {"sctl", kSctl},
                             {"ocsp", kOcsp}, {"issuer", kIssuers}, {"key", kKeys}};
  uint8_t bits = 0;
  for (const Word& w : args_of(d, row)) {
    auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.name == w.text; });
    if (kind == std::end(kKinds))
      scope.error(w.where, fmt::format("'{}' is no file that lies beside a certificate", w.text),
                  "none, all, bundle, sctl, ocsp, issuer or key", fmt::format("unknown extra file type '{}'", w.text));
    else
      bits |= kind->bits;
  }
  scope.global.extra_files = bits;
}

void bind_del_ext(void* s, const Directive&, const Row&) {
  scope_of(s).global.extra_files_replace_crt = true;
}

template <uint32_t Global::* member, uint32_t most>
void bind_size(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), first(d, row), row.name, 0, most, n))
    scope_of(s).global.*member = static_cast<uint32_t>(n);
}
constexpr auto bind_cache_size = bind_size<&Global::tls_cache_blocks, 1 << 24>;
constexpr auto bind_capture = bind_size<&Global::tls_capture, 65536>;

void bind_lifetime(void* s, const Directive& d, const Row& row) {
  uint64_t us = 0;
  std::string problem;
  const Word& word = first(d, row);
  if (expr::parse_time_us(word.text, 1'000'000, us, problem))
    scope_of(s).global.tls_lifetime_s = static_cast<uint32_t>(us / 1'000'000);
  else
    scope_of(s).error(word.where, fmt::format("'{}' is not a time: {}", word.text, problem),
                      "a number with ms, s, m, h or d; without a unit it is seconds");
}

constexpr Row word(Str name, int8_t least, int8_t most, config::BindFn bind, Str syntax, Str help) {
  return {name, kGlobal, least, most, Block::none, Inherit::none, bind, syntax, help};
}

constexpr Row kRows[] = {
    word("ca-base", 1, 1, bind_text<&Global::ca_base>, "<dir>", "directory of relative authority and revocation files"),
    word("crt-base", 1, 1, bind_text<&Global::crt_base>, "<dir>", "directory of relative certificate files"),
    word("key-base", 1, 1, bind_text<&Global::key_base>, "<dir>", "directory of relative private key names"),
    word("ssl-load-extra-files", 1, -1, bind_extra_files, "<none|all|bundle|sctl|ocsp|issuer|key>*",
         "which side files (.key, .ocsp, .sctl, .issuer, bundles) are looked for"),
    word("ssl-load-extra-del-ext", 0, 0, bind_del_ext, "",
         "drop the certificate's own extension before looking for side files"),
    word("ssl-dh-param-file", 1, 1, bind_text<&Global::dh_params>, "<file>",
         "file with default Diffie-Hellman parameters"),
    word("ssl-default-bind-options", 0, -1, bind_words, "[<option>]...", "TLS options that bind lines start with"),
    word("ssl-default-server-options", 0, -1, bind_words, "[<option>]...", "TLS options that server lines start with"),
    word("ssl-default-bind-ciphers", 1, 1, bind_list<&TlsOptions::ciphers>, "<ciphers>",
         "TLS 1.2 and older ciphers of bind lines"),
    word("ssl-default-bind-ciphersuites", 1, 1, bind_list<&TlsOptions::ciphersuites>, "<ciphersuites>",
         "TLS 1.3 cipher suites of bind lines"),
    word("ssl-default-bind-curves", 1, 1, bind_list<&TlsOptions::curves>, "<curves>",
         "key exchange curves of bind lines"),
    word("ssl-default-bind-sigalgs", 1, 1, bind_list<&TlsOptions::sigalgs>, "<sigalgs>",
         "default signature algorithms of listeners"),
    word("ssl-default-bind-client-sigalgs", 1, 1, bind_list<&TlsOptions::client_sigalgs>, "<sigalgs>",
         "default signature algorithms for client certificates on listeners"),
    word("ssl-default-server-ciphers", 1, 1, bind_list<&TlsOptions::ciphers>, "<ciphers>",
         "TLS 1.2 and older ciphers of server lines"),
    word("ssl-default-server-ciphersuites", 1, 1, bind_list<&TlsOptions::ciphersuites>, "<ciphersuites>",
         "TLS 1.3 cipher suites of server lines"),
    word("ssl-default-server-curves", 1, 1, bind_list<&TlsOptions::curves>, "<curves>",
         "default key exchange curves towards servers"),
    word("ssl-default-server-sigalgs", 1, 1, bind_list<&TlsOptions::sigalgs>, "<sigalgs>",
         "default signature algorithms towards servers"),
    word("ssl-default-server-client-sigalgs", 1, 1, bind_list<&TlsOptions::client_sigalgs>, "<sigalgs>",
         "default signature algorithms for client certificates shown to servers"),
    word("ssl-server-verify", 1, 1, bind_server_verify, "[none|required]",
         "whether server certificates are verified by default"),
    word("tune.ssl.cachesize", 1, 1, bind_cache_size, "<number>",
         "size of the TLS session cache, in blocks of 200 bytes; 0: none"),
    word("tune.ssl.capture-buffer-size", 1, 1, bind_capture, "<number>",
         "bytes kept of each client hello for the fetches about it, ssl_fc_cipherlist_bin and its like"),
    word("tune.ssl.capture-cipherlist-size", 1, 1, bind_capture, "<number>",
         "deprecated name of tune.ssl.capture-buffer-size"),
    word("tune.ssl.lifetime", 1, 1, bind_lifetime, "<timeout>", "life of TLS sessions"),
};

}  // namespace

const config::Table kGlobalTlsTable = kRows;

}  // namespace weir::haproxy
