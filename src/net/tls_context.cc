// See net/tls_context.h.
#include "net/tls_context.h"

#include <errno.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "net/tls_client.h"
#include "net/tls_current.h"
#include "net/tls_files.h"
#include "net/tls_identity.h"
#include "net/tls_session_cache.h"
#include "net/tls_tickets.h"
#include "net/tls_trust.h"

namespace weir::net {
namespace {

void set_protocols(SSL_CTX* ctx, uint32_t bits) {
  static constexpr std::pair<uint32_t, int> kVersions[] = {
      {kTls10, TLS1_VERSION}, {kTls11, TLS1_1_VERSION}, {kTls12, TLS1_2_VERSION}, {kTls13, TLS1_3_VERSION}};
  static constexpr std::pair<uint32_t, uint64_t> kOff[] = {
      {kTls10, SSL_OP_NO_TLSv1}, {kTls11, SSL_OP_NO_TLSv1_1}, {kTls12, SSL_OP_NO_TLSv1_2}, {kTls13, SSL_OP_NO_TLSv1_3}};
  int low = 0, high = 0;
  for (auto [bit, version] : kVersions) {
    if (!(bits & bit)) continue;
    if (!low) low = version;
    high = version;
  }
  SSL_CTX_set_min_proto_version(ctx, low);
  SSL_CTX_set_max_proto_version(ctx, high);
  for (auto [bit, option] : kOff)
    if (!(bits & bit)) SSL_CTX_set_options(ctx, option);
}

void set_common(SSL_CTX* ctx) {
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(ctx, 1);
}

// Adds to `problems` what is wrong with the pairs; one that is encrypted says nothing of itself without its pass phrase.
void load_pairs(SSL_CTX* ctx, const TlsOptions& o, TlsProblems& problems) {
  std::string problem;
  const std::vector<std::string> passwords = read_passwords(o.passwords, problem);
  const bool phrases_lack = !problem.empty();
  if (phrases_lack) problems.push_back({TlsPart::passwords, 0, problem});
  TlsFiles own;
  for (size_t i = 0; i < o.pairs.size(); i++) {
    const auto& [cert, key] = o.pairs[i];
    TlsFiles::Faults faults;
    const auto read = (o.files ? *o.files : own).get({cert, key.empty() ? cert : key, &passwords}, 0, faults);
    if (read && !read->give_to(ctx, faults.pair)) problems.push_back({TlsPart::certificate, i, faults.pair});
    if (read) continue;
    if (!faults.certificate.empty()) problems.push_back({TlsPart::certificate, i, faults.certificate});
    const bool told = key.empty() && !faults.certificate.empty();
    if (!faults.key.empty() && !told && !(phrases_lack && faults.wants_phrase))
      problems.push_back({TlsPart::key, i, faults.key});
    if (!faults.pair.empty()) problems.push_back({TlsPart::certificate, i, faults.pair});
  }
}

void set_ciphers(SSL_CTX* ctx, const TlsOptions& o, TlsProblems& problems) {
  ERR_clear_error();
  if (!o.ciphers.empty() && SSL_CTX_set_cipher_list(ctx, o.ciphers.c_str()) != 1)
    problems.push_back(
        {TlsPart::ciphers, 0, fmt::format("no usable cipher in \"{}\": {}", o.ciphers, openssl_error())});
  if (!o.ciphersuites.empty() && SSL_CTX_set_ciphersuites(ctx, o.ciphersuites.c_str()) != 1)
    problems.push_back(
        {TlsPart::ciphers, 0, fmt::format("no usable cipher suite in \"{}\": {}", o.ciphersuites, openssl_error())});
}

void set_lists(SSL_CTX* ctx, const TlsOptions& o, TlsProblems& problems) {
  auto set = [&](TlsPart part, const std::string& list, Str what, auto call) {
    ERR_clear_error();
    if (!list.empty() && call(ctx, list.c_str()) != 1)
      problems.push_back({part, 0, fmt::format("unknown {} in \"{}\": {}", what, list, openssl_error())});
  };
  set(TlsPart::curves, o.curves == "auto" ? std::string() : o.curves, "curve",
      [](SSL_CTX* c, const char* list) { return SSL_CTX_set1_curves_list(c, list); });
  set(TlsPart::sigalgs, o.sigalgs, "signature algorithm",
      [](SSL_CTX* c, const char* list) { return SSL_CTX_set1_sigalgs_list(c, list); });
  set(TlsPart::client_sigalgs, o.client_sigalgs, "signature algorithm",
      [](SSL_CTX* c, const char* list) { return SSL_CTX_set1_client_sigalgs_list(c, list); });
}

const TlsTrustFiles::File* known_trust(const TlsOptions& o, const std::string& file) {
  return o.trust ? o.trust->find(file) : nullptr;
}

// Gives the context what is in memory of that file.
void add_trust(SSL_CTX* ctx, const TlsTrustFiles::File& file, TlsPart part, TlsProblems& problems) {
  if (file.content)
    file.content->add_to(SSL_CTX_get_cert_store(ctx));
  else
    problems.push_back({part, 0, fmt::format("nothing is in \"{}\"", file.name)});
}

void load_authorities(SSL_CTX* ctx, const TlsOptions& o, const std::string& file, TlsPart part, TlsProblems& problems) {
  if (file.empty()) return;
  if (const auto* known = known_trust(o, file)) return add_trust(ctx, *known, part, problems);
  if ((file == "@system-ca" ? SSL_CTX_set_default_verify_paths(ctx) : SSL_CTX_load_verify_file(ctx, file.c_str())) != 1)
    problems.push_back(
        {part, 0, fmt::format("cannot load certificates of authorities from \"{}\": {}", file, openssl_error())});
}

void load_revoked(SSL_CTX* ctx, const TlsOptions& o, TlsProblems& problems) {
  const std::string& file = o.revoked;
  if (file.empty()) return;
  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  if (const auto* known = known_trust(o, file))
    add_trust(ctx, *known, TlsPart::revoked, problems);
  else if (X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
           !lookup || X509_LOOKUP_load_file(lookup, file.c_str(), X509_FILETYPE_PEM) != 1)
    problems.push_back(
        {TlsPart::revoked, 0, fmt::format("cannot load revocation lists from \"{}\": {}", file, openssl_error())});
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

void run_commands(SSL_CTX* ctx, const TlsOptions& o, unsigned side, TlsProblems& problems) {
  if (o.commands.empty()) return;
  SSL_CONF_CTX* conf = SSL_CONF_CTX_new();
  SSL_CONF_CTX_set_flags(conf, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SHOW_ERRORS | SSL_CONF_FLAG_CERTIFICATE | side);
  SSL_CONF_CTX_set_ssl_ctx(conf, ctx);
  for (size_t i = 0; i < o.commands.size(); i++) {
    const auto& [name, value] = o.commands[i];
    int r = SSL_CONF_cmd_value_type(conf, name.c_str()) == SSL_CONF_TYPE_UNKNOWN
                ? -2
                : SSL_CONF_cmd(conf, name.c_str(), value.c_str());
    if (r > 0) continue;
    problems.push_back({TlsPart::command, i,
                        r == -2 ? fmt::format("OpenSSL has no command \"{}\"", name)
                                : fmt::format("OpenSSL does not take \"{} {}\": {}", name, value, openssl_error())});
  }
  if (SSL_CONF_CTX_finish(conf) != 1 && problems.empty())
    problems.push_back({TlsPart::command, 0, fmt::format("OpenSSL does not take its commands: {}", openssl_error())});
  SSL_CONF_CTX_free(conf);
}

void set_up(SSL_CTX* ctx, const TlsOptions& o, TlsProblems& problems) {
  set_common(ctx);
  set_protocols(ctx, o.protocols);
  if (o.verify_depth >= 0) SSL_CTX_set_verify_depth(ctx, o.verify_depth);
  std::string problem;
  if (o.identity && !o.identity->give_to(ctx, problem)) problems.push_back({TlsPart::certificate, 0, problem});
  set_lists(ctx, o, problems);
  set_ciphers(ctx, o, problems);
  load_pairs(ctx, o, problems);
  load_authorities(ctx, o, o.authorities, TlsPart::authorities, problems);
  load_authorities(ctx, o, o.more_authorities, TlsPart::more_authorities, problems);
  load_revoked(ctx, o, problems);
}

void load_dh_params(SSL_CTX* ctx, const std::string& file, TlsProblems& problems) {
  if (file.empty()) return;
  BIO* bio = BIO_new_file(file.c_str(), "r");
  EVP_PKEY* params = bio ? PEM_read_bio_Parameters(bio, nullptr) : nullptr;
  BIO_free(bio);
  if (params && SSL_CTX_set0_tmp_dh_pkey(ctx, params) == 1) return;
  EVP_PKEY_free(params);
  problems.push_back(
      {TlsPart::dh_params, 0, fmt::format("cannot load DH parameters from \"{}\": {}", file, openssl_error())});
}

// What callbacks of a context need as long as it lives.
struct Kept {
  std::string stapled;  // DER
  std::string alpn;  // each protocol behind its length
  bool alpn_must_match = false;
  std::string curves;
  std::string name;  // of the certificate
  std::shared_ptr<const TlsIdentity> identity;
  TlsTolerated leaf_errors;
  TlsTolerated chain_errors;
};

void free_kept(void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Kept*>(kept);
}

int kept_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_kept);
  return index;
}
Kept& kept_of(SSL_CTX* ctx) {
  auto* kept = static_cast<Kept*>(SSL_CTX_get_ex_data(ctx, kept_index()));
  if (kept) return *kept;
  kept = new Kept;
  SSL_CTX_set_ex_data(ctx, kept_index(), kept);
  return *kept;
}
const Kept* kept_of(const SSL* ssl) {
  return static_cast<const Kept*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), kept_index()));
}

// The verdict as a number in the session, so that nothing is to be freed: a byte for the leaf, one for the chain, one for the depth.
int verdict_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// The default is to accept a bad certificate here and to answer the request accordingly.
int take_any(int, X509_STORE_CTX*) {
  return 1;
}

// The first errors are kept; the ones that are tolerated are forgotten by OpenSSL.
int take_tolerated(int ok, X509_STORE_CTX* store) {
  if (ok) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const Kept* kept = kept_of(ssl);
  const int error = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);
  auto verdict = reinterpret_cast<uintptr_t>(SSL_get_ex_data(ssl, verdict_index()));
  if (depth == 0 && !(verdict & 0xff)) verdict |= static_cast<uintptr_t>(error & 0xff);
  if (depth > 0 && !(verdict & 0xff00))
    verdict |= static_cast<uintptr_t>(error & 0xff) << 8 | static_cast<uintptr_t>(depth & 0xff) << 16;
  SSL_set_ex_data(ssl, verdict_index(), reinterpret_cast<void*>(verdict));
  if (!kept) return 0;
  const TlsTolerated& tolerated = depth == 0 ? kept->leaf_errors : kept->chain_errors;
  if (!tolerated.all && std::find(tolerated.errors.begin(), tolerated.errors.end(), error) == tolerated.errors.end())
    return 0;
  ERR_clear_error();
  return 1;
}

void ask_clients(SSL_CTX* ctx, const TlsServerOptions& o, TlsProblems& problems) {
  load_authorities(ctx, o, o.client_authorities, TlsPart::client_authorities, problems);
  if (const auto* known = known_trust(o, o.client_authorities)) {
    if (known->content) SSL_CTX_set_client_CA_list(ctx, known->content->names());
  } else if (!o.client_authorities.empty()) {
    ERR_clear_error();
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(o.client_authorities.c_str());
    if (names) SSL_CTX_set_client_CA_list(ctx, names);
  }
  if (o.verify == TlsVerify::ask) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
  if (o.verify == TlsVerify::optional) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_tolerated);
  if (o.verify == TlsVerify::required)
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_tolerated);
  Kept& kept = kept_of(ctx);
  kept.leaf_errors = o.leaf_errors;
  kept.chain_errors = o.chain_errors;
}

int staple(SSL* ssl, void* arg) {
  const std::string& response = static_cast<const Kept*>(arg)->stapled;
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(response.data(), response.size()));
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
  return SSL_TLSEXT_ERR_OK;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void* arg) {
  const auto& kept = *static_cast<const Kept*>(arg);
  unsigned char* chosen = nullptr;
  int r = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kept.alpn.data()),
                                static_cast<unsigned>(kept.alpn.size()), in, in_size);
  *out = chosen;
  if (r == OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_OK;
  return kept.alpn_must_match ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

bool load_stapled(const std::string& path, std::string& der, std::string& problem) {
  std::ifstream file(path, std::ios::binary);
  der.assign(std::istreambuf_iterator<char>(file), {});
  const auto* from = reinterpret_cast<const unsigned char*>(der.data());
  OCSP_RESPONSE* response = file ? d2i_OCSP_RESPONSE(nullptr, &from, static_cast<long>(der.size())) : nullptr;
  const bool good = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  OCSP_RESPONSE_free(response);
  if (!good)
    problem = fmt::format("cannot load an OCSP response from \"{}\": {}", path,
                          file ? "it holds no successful response in DER form" : strerror(errno));
  return good;
}

// Lists of certificate timestamps go out in TLS 1.2's server hello and with TLS 1.3's certificate (RFC 6962 3.3).
int add_timestamps(SSL*, unsigned, unsigned, const unsigned char** out, size_t* size, X509*, size_t chain_index, int*,
                   void* arg) {
  const std::string& list = static_cast<const TlsIdentity*>(arg)->sctl();
  if (chain_index > 0) return 0;
  *out = reinterpret_cast<const unsigned char*>(list.data());
  *size = list.size();
  return 1;
}

int ignore_extension(SSL*, unsigned, unsigned, const unsigned char*, size_t, X509*, size_t, int*, void*) {
  return 1;
}

std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) wire.append(1, static_cast<char>(protocol.size())).append(protocol);
  return wire;
}

void answer_extensions(SSL_CTX* ctx, const TlsServerOptions& o, TlsProblems& problems) {
  Kept& kept = kept_of(ctx);
  std::string problem;
  if (!o.stapled.empty() && !load_stapled(o.stapled, kept.stapled, problem))
    problems.push_back({TlsPart::stapled, 0, problem});
  if (o.identity) kept.stapled = o.identity->ocsp();
  if (!kept.stapled.empty()) {
    SSL_CTX_set_tlsext_status_cb(ctx, staple);
    SSL_CTX_set_tlsext_status_arg(ctx, &kept);
  }
  if (o.identity && !o.identity->sctl().empty())
    SSL_CTX_add_custom_ext(ctx, TLSEXT_TYPE_signed_certificate_timestamp,
                           SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE,
                           add_timestamps, nullptr, const_cast<TlsIdentity*>(o.identity.get()), ignore_extension,
                           nullptr);
  kept.identity = o.identity;
  kept.name = o.identity_name;
  kept.curves = o.curves;
  kept.alpn = alpn_wire(o.alpn);
  kept.alpn_must_match = o.alpn_must_match;
  if (!o.alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, &kept);
}

void set_sessions(SSL_CTX* ctx, const TlsServerOptions& o) {
  SSL_CTX_set_timeout(ctx, static_cast<long>(o.session_timeout_s));
  if (!o.tickets) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  if (o.ticket_keys) use_ticket_keys(ctx, o.ticket_keys);
  switch (o.cache) {
    case TlsCache::off: SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); break;
    case TlsCache::none:
      SSL_CTX_set_session_cache_mode(ctx,
                                     SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
      break;
    case TlsCache::builtin:
      SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
      if (o.builtin_sessions) SSL_CTX_sess_set_cache_size(ctx, static_cast<long>(o.builtin_sessions));
      break;
    case TlsCache::shared: o.sessions->serve(ctx); break;
  }
}

void add_file(EVP_MD_CTX* digest, const TlsOptions& o, const std::string& path) {
  std::string bytes;
  if (const auto* known = known_trust(o, path)) {
    bytes = known->content->text();
  } else {
    bytes = file_text(path);
  }
  EVP_DigestUpdate(digest, path.data(), path.size() + 1);
  EVP_DigestUpdate(digest, bytes.data(), bytes.size());
}

// A session is resumed only where the same certificate stands and clients are verified in the same way: their digest is the
// session id context, equal in all processes.
void set_id_context(SSL_CTX* ctx, const TlsServerOptions& o) {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  EVP_DigestInit_ex(digest, EVP_sha256(), nullptr);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  for (int r = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); r;
       r = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
    if (X509_digest(SSL_CTX_get0_certificate(ctx), EVP_sha256(), sum, &n)) EVP_DigestUpdate(digest, sum, n);
  EVP_DigestUpdate(digest, o.late_names.data(), o.late_names.size());
  const int verify[] = {SSL_CTX_get_verify_mode(ctx), o.verify_depth};
  EVP_DigestUpdate(digest, verify, sizeof verify);
  if (verify[0] != SSL_VERIFY_NONE)
    for (const std::string* path : {&o.authorities, &o.more_authorities, &o.client_authorities, &o.revoked})
      add_file(digest, o, *path);
  for (const TlsTolerated* t : {&o.leaf_errors, &o.chain_errors}) {
    const int all = t->all ? -1 : static_cast<int>(t->errors.size());
    EVP_DigestUpdate(digest, &all, sizeof all);
    EVP_DigestUpdate(digest, t->errors.data(), t->errors.size() * sizeof(int));
  }
  EVP_DigestFinal_ex(digest, sum, &n);
  EVP_MD_CTX_free(digest);
  static_assert(SSL_MAX_SID_CTX_LENGTH >= 32);
  SSL_CTX_set_session_id_context(ctx, sum, n);
}

}  // namespace

uint32_t tls_protocol_bit(Str name) {
  if (name == "TLSv1" || name == "TLSv1.0") return kTls10;
  if (name == "TLSv1.1") return kTls11;
  if (name == "TLSv1.2") return kTls12;
  if (name == "TLSv1.3") return kTls13;
  return 0;
}

ssl_ctx_st* make_tls_server(const TlsServerOptions& o, TlsProblems& problems) {
  const size_t before = problems.size();
  SSL_CTX* ctx = SSL_CTX_new(TLS_server_method());
  set_up(ctx, o, problems);
  load_dh_params(ctx, o.dh_params, problems);
  ask_clients(ctx, o, problems);
  answer_extensions(ctx, o, problems);
  if (o.prefer_server_ciphers) SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  set_sessions(ctx, o);
  run_commands(ctx, o, SSL_CONF_FLAG_SERVER, problems);
  if (problems.size() > before) {
    SSL_CTX_free(ctx);
    return nullptr;
  }
  set_id_context(ctx, o);
  return ctx;
}

ssl_ctx_st* make_tls_client(const TlsClientOptions& o, TlsProblems& problems) {
  const size_t before = problems.size();
  SSL_CTX* ctx = SSL_CTX_new(TLS_client_method());
  set_up(ctx, o, problems);
  run_commands(ctx, o, SSL_CONF_FLAG_CLIENT, problems);
  if (problems.size() > before) {
    SSL_CTX_free(ctx);
    return nullptr;
  }
  if (o.verify) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  // The name that a connection sends is checked in place of this one.
  if (!o.host.empty()) X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), o.host.data(), o.host.size());
  if (o.common_name_counts)
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx), X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT);
  if (const std::string wire = alpn_wire(o.alpn); !wire.empty())
    SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  number_tls(ctx);
  if (o.resume) TlsSessions::keep_of(ctx);
  return ctx;
}

ssl_ctx_st* make_tls_client(const TlsClientOptions& o, std::string& problem) {
  TlsProblems problems;
  SSL_CTX* ctx = make_tls_client(o, problems);
  if (!ctx) problem = problems.front().text;
  return ctx;
}

bool uses_trust(const TlsOptions& o, Str file) {
  return o.authorities == file || o.more_authorities == file || o.revoked == file;
}
bool uses_trust(const TlsServerOptions& o, Str file) {
  return o.client_authorities == file || uses_trust(static_cast<const TlsOptions&>(o), file);
}

bool tls_command_takes_path(const std::string& command) {
  SSL_CONF_CTX* conf = SSL_CONF_CTX_new();
  SSL_CONF_CTX_set_flags(conf,
                         SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_CERTIFICATE | SSL_CONF_FLAG_SERVER | SSL_CONF_FLAG_CLIENT);
  const int type = SSL_CONF_cmd_value_type(conf, command.c_str());
  SSL_CONF_CTX_free(conf);
  return type == SSL_CONF_TYPE_FILE || type == SSL_CONF_TYPE_DIR;
}

TlsVerdict tls_verdict(const ssl_st* ssl) {
  const auto packed = reinterpret_cast<uintptr_t>(SSL_get_ex_data(ssl, verdict_index()));
  return {static_cast<int>(packed & 0xff), static_cast<int>(packed >> 8 & 0xff), static_cast<int>(packed >> 16 & 0xff)};
}

Str tls_identity_name(const ssl_st* ssl) {
  const Kept* kept = kept_of(ssl);
  return kept ? Str(kept->name) : Str();
}

void free_tls(ssl_ctx_st* context) {
  SSL_CTX_free(context);
}

void switch_tls_context(ssl_st* ssl, ssl_ctx_st* context) {
  if (SSL_get_SSL_CTX(ssl) == context) return;
  const Kept *from = kept_of(ssl), *to = static_cast<const Kept*>(SSL_CTX_get_ex_data(context, kept_index()));
  // The groups were copied from the first context when the session was made.
  if (to && !to->curves.empty() && to->curves != "auto" && (!from || from->curves != to->curves))
    SSL_set1_curves_list(ssl, to->curves.c_str());
  SSL_set_SSL_CTX(ssl, context);
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), SSL_CTX_get_verify_callback(context));
  SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(context));
  SSL_set_min_proto_version(ssl, static_cast<int>(SSL_CTX_get_min_proto_version(context)));
  SSL_set_max_proto_version(ssl, static_cast<int>(SSL_CTX_get_max_proto_version(context)));
  SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(context));
  SSL_set_options(ssl, SSL_CTX_get_options(context));
}

Str tls_hello_name(ssl_st* ssl) {
  const unsigned char* p = nullptr;
  size_t n = 0;
  // A list of two bytes' length; of each name, one byte for the type (0: host name) and two for the length.
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) || n < 5) return {};
  const size_t list = static_cast<size_t>(p[0]) << 8 | p[1], name = static_cast<size_t>(p[3]) << 8 | p[4];
  if (list + 2 != n || p[2] != TLSEXT_NAMETYPE_host_name || name + 5 > n || name > TLSEXT_MAXLEN_host_name) return {};
  Str text(reinterpret_cast<const char*>(p + 5), name);
  return text.find('\0') == Str::npos ? text : Str();
}

}  // namespace weir::net
