// See net/tls_trust.h.
#include "net/tls_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "net/tls_identity.h"

namespace weir::net {
namespace {

std::string named_or(const char* variable, const char* usual) {
  const char* named = getenv(variable);
  return named ? named : usual;
}

struct InfosFree {
  void operator()(STACK_OF(X509_INFO) * infos) const { sk_X509_INFO_pop_free(infos, X509_INFO_free); }
};

}  // namespace

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<const TlsTrust> TlsTrust::parse(std::string pem, std::string& problem) {
  std::shared_ptr<TlsTrust> made(new TlsTrust);
  ERR_clear_error();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  const std::unique_ptr<STACK_OF(X509_INFO), InfosFree> infos(PEM_X509_INFO_read_bio(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  for (int i = 0; infos && i < sk_X509_INFO_num(infos.get()); i++) {
    const X509_INFO* info = sk_X509_INFO_value(infos.get(), i);
    auto known = [info](const X509* c) { return X509_cmp(c, info->x509) == 0; };
    if (info->x509 && std::none_of(made->certificates_.begin(), made->certificates_.end(), known)) {
      X509_up_ref(info->x509);
      made->certificates_.push_back(info->x509);
    }
    if (info->crl) {
      X509_CRL_up_ref(info->crl);
      made->lists_.push_back(info->crl);
    }
  }
  if (!infos || (made->certificates_.empty() && made->lists_.empty())) {
    problem = openssl_complaint("certificate or revocation list");
    return nullptr;
  }
  ERR_clear_error();
  made->text_ = std::move(pem);
  return made;
}

std::string TlsTrust::system_text() {
  std::string text = file_text(named_or(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
  std::error_code error;
  std::vector<std::string> files;
  const std::string folder = named_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  for (auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string extension = entry.path().extension().string();
    // The others there are names by hash of the same files.
    if (extension == ".pem" || extension == ".crt" || extension == ".cer") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) text.append(1, '\n').append(file_text(file));
  return text;
}

TlsTrust::~TlsTrust() {
  for (X509* c : certificates_) X509_free(c);
  for (X509_CRL* l : lists_) X509_CRL_free(l);
}

void TlsTrust::add_to(x509_store_st* store) const {
  for (X509* c : certificates_) X509_STORE_add_cert(store, c);
  for (X509_CRL* l : lists_) X509_STORE_add_crl(store, l);
}

stack_st_X509_NAME* TlsTrust::names() const {
  STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
  for (const X509* c : certificates_) {
    X509_NAME* subject = X509_get_subject_name(c);
    bool known = false;
    for (int i = 0; i < sk_X509_NAME_num(names); i++)
      known |= X509_NAME_cmp(sk_X509_NAME_value(names, i), subject) == 0;
    if (!known) sk_X509_NAME_push(names, X509_NAME_dup(subject));
  }
  return names;
}

TlsTrustFiles::File* TlsTrustFiles::find(Str name) {
  const auto it = files_.find(name);
  return it == files_.end() ? nullptr : &it->second;
}

const TlsTrustFiles::File* TlsTrustFiles::find(Str name) const {
  const auto it = files_.find(name);
  return it == files_.end() ? nullptr : &it->second;
}

TlsTrustFiles::File& TlsTrustFiles::add(Str name, Kind kind, std::shared_ptr<const TlsTrust> content) {
  return files_.emplace(std::string(name), File{std::string(name), kind, std::move(content)}).first->second;
}

void TlsTrustFiles::remove(Str name) {
  if (const auto it = files_.find(name); it != files_.end()) files_.erase(it);
}

}  // namespace weir::net
