#pragma once
// Authorities and revocation lists by the name of the file that they came from: read once however often they are named, and
// replaced while connections go on (HAProxy's management.txt, `set ssl ca-file`, `set ssl crl-file`). Filled on the configuration
// thread, changed on the control thread; contexts are made of what is there at that moment.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/str.h"

struct x509_st;
struct X509_crl_st;
struct x509_store_st;
struct stack_st_X509_NAME;

namespace weir::net {

// What one file says. Immutable once made.
class TlsTrust {
 public:
  // Certificates and revocation lists in PEM form, each once. Null with the reason in `problem`, as for a text without any.
  static std::shared_ptr<const TlsTrust> parse(std::string pem, std::string& problem);
  // The authorities that OpenSSL looks for where nobody names any (SSL_CERT_FILE, SSL_CERT_DIR, its own folder).
  static std::string system_text();
  ~TlsTrust();
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;

  const std::string& text() const { return text_; }
  const std::vector<x509_st*>& certificates() const { return certificates_; }
  const std::vector<X509_crl_st*>& lists() const { return lists_; }
  void add_to(x509_store_st* store) const;
  // Names of the authorities, each once; the caller's.
  stack_st_X509_NAME* names() const;

 private:
  TlsTrust() = default;

  std::string text_;
  std::vector<x509_st*> certificates_;
  std::vector<X509_crl_st*> lists_;
};

class TlsTrustFiles {
 public:
  enum class Kind : uint8_t { authorities, revocations };
  struct File {
    std::string name;
    Kind kind;
    std::shared_ptr<const TlsTrust> content;  // null: made at run time and not filled yet
  };
  // What `set` has changed and `commit` has not.
  struct Pending {
    std::string name;
    std::shared_ptr<const TlsTrust> content;
  };

  File* find(Str name);
  const File* find(Str name) const;
  File& add(Str name, Kind kind, std::shared_ptr<const TlsTrust> content);
  void remove(Str name);
  const std::map<std::string, File, std::less<>>& all() const { return files_; }
  std::optional<Pending>& pending(Kind kind) { return pending_[static_cast<size_t>(kind)]; }

 private:
  std::map<std::string, File, std::less<>> files_;
  std::optional<Pending> pending_[2];
};

// The bytes of a file; none where it cannot be read.
std::string file_text(const std::string& path);

}  // namespace weir::net
