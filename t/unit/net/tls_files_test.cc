// Certificates and keys by name: what is kept, for how long, and what is read again.
#include "net/tls_files.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace {

using weir::net::TlsFiles;

// A key and its certificate in PEM form; the key is encrypted where there is a pass phrase.
std::string make_pem(const std::string& name, std::string phrase = {}) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* c = X509_new();
  X509_set_pubkey(c, key);
  X509_gmtime_adj(X509_getm_notBefore(c), 0);
  X509_gmtime_adj(X509_getm_notAfter(c), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(c, X509_get_subject_name(c));
  X509_sign(c, key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, c);
  PEM_write_bio_PrivateKey(bio, key, phrase.empty() ? nullptr : EVP_aes_128_cbc(), nullptr, 0, nullptr,
                           phrase.empty() ? nullptr : phrase.data());
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(bio);
  X509_free(c);
  EVP_PKEY_free(key);
  return pem;
}

// A file that goes with it.
struct File {
  std::string path = "/tmp/weir-tls-files-XXXXXX";
  explicit File(const std::string& text) {
    ::close(mkstemp(path.data()));
    write(text);
  }
  ~File() { ::unlink(path.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  // Each time with another time of change, however coarse the clock is.
  void write(const std::string& text) const {
    static time_t now = 1'000'000;
    std::ofstream(path, std::ios::trunc) << text << std::flush;
    const timespec times[2] = {{++now, 0}, {now, 0}};
    utimensat(AT_FDCWD, path.c_str(), times, 0);
  }
};

uint64_t number_of(const std::shared_ptr<const weir::net::TlsIdentity>& identity) {
  return identity ? identity->number() : 0;
}

}  // namespace

Test(tls_files, are_read_once) {
  TlsFiles files;
  std::string problem;
  uint64_t first = 0;
  {
    File file(make_pem("a"));
    first = number_of(files.get({file.path, file.path}, 0, problem));
    cr_expect(first != 0);
    ::unlink(file.path.c_str());
    cr_expect(number_of(files.get({file.path, file.path}, 1'000'000, problem)) == first);
  }
}

Test(tls_files, are_looked_at_when_their_time_is_over) {
  TlsFiles files(TlsFiles::Limits{8, 100, 10});
  std::string problem;
  File file(make_pem("a"));
  const TlsFiles::Wanted wanted{file.path, file.path};
  const uint64_t first = number_of(files.get(wanted, 0, problem));
  cr_expect(number_of(files.find(wanted, 10)) == first);
  cr_expect(files.find(wanted, 11) == nullptr);
  cr_expect(number_of(files.get(wanted, 11, problem)) == first);  // the same: good for as long again
  cr_expect(number_of(files.find(wanted, 21)) == first);
  file.write(make_pem("b"));
  cr_expect(number_of(files.find(wanted, 21)) == first);
  const uint64_t second = number_of(files.get(wanted, 22, problem));
  cr_expect(second != 0 && second != first);
  ::unlink(file.path.c_str());
  cr_expect(files.get(wanted, 40, problem) == nullptr);
  cr_expect(problem.find("No such file or directory") != std::string::npos);
}

Test(tls_files, keep_so_many) {
  TlsFiles files(TlsFiles::Limits{4, 100, 10});
  std::string problem;
  File a(make_pem("a")), b(make_pem("b")), c(make_pem("c"));
  for (const File* f : {&a, &b, &c}) files.get({f->path, f->path}, 0, problem);
  cr_expect(files.find({a.path, a.path}, 1) == nullptr);
  cr_expect(files.find({b.path, b.path}, 1) != nullptr && files.find({c.path, c.path}, 1) != nullptr);
}

Test(tls_files, that_do_not_belong_together_are_read_again) {
  TlsFiles files(TlsFiles::Limits{8, 100, 10});
  std::string problem;
  const std::string first = make_pem("a"), second = make_pem("b");
  File certificate(first), key(first), other(second);
  cr_expect(files.get({certificate.path, key.path}, 0, problem) != nullptr);
  certificate.write(second);
  cr_expect(files.get({certificate.path, other.path}, 1, problem) != nullptr);
  cr_expect(files.get({certificate.path, key.path}, 1, problem) == nullptr);
  cr_expect(problem.find("do not belong together") != std::string::npos);
}

Test(tls_files, may_be_texts) {
  TlsFiles files;
  std::string problem;
  const std::string text = "data:" + make_pem("a");
  cr_expect(files.get({text, text}, 0, problem) != nullptr);
  cr_expect(files.get({"data:none", text}, 0, problem) == nullptr);
}

Test(tls_files, encrypted_keys_are_called_so) {
  TlsFiles files;
  const File file(make_pem("a", "secret"));
  const std::vector<std::string> wrong{"wrong"}, right{"wrong", "secret"};
  auto problem = [&](const std::vector<std::string>* phrases) {
    TlsFiles::Faults faults;
    TlsFiles::Wanted wanted;
    wanted.certificate = wanted.key = file.path;
    wanted.passwords = phrases;
    files.get(wanted, 0, faults);
    return faults.key;
  };
  cr_expect(problem(nullptr).find("it is encrypted, and no pass phrase is given (") != std::string::npos);
  cr_expect(problem(&wrong).find("it is encrypted, and no given pass phrase fits (") != std::string::npos);
  cr_expect(problem(&right).empty());
  std::string why, warning;
  weir::net::TlsTexts texts;
  texts.pem = make_pem("a", "secret");
  cr_expect(!weir::net::TlsIdentity::parse(texts, why, warning));
  cr_expect(why.starts_with("its key is encrypted; "), "%s", why.c_str());
}
