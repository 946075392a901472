#pragma once
// Answers about our own certificates, sent along with them (RFC 6066 8): asked for when a handshake wants one that is missing or
// about to be out of date, as nginx does it; the handshake does not wait. One for each context, in the model's arena.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ocsp/asker.h"

struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace weir::ocsp {

class Stapler {
 public:
  using Complain = std::function<void(const std::string& text)>;
  struct Options {
    Asker* asker;
    std::string url;  // in place of the certificates' own
    bool names_are_looked_up = false;  // by `names`, while requests run; else once, now
    proxy::Names* names = nullptr;
    bool verify = false;  // signatures of answers, with what the context trusts
    Complain complain;  // about answers, on any shard's thread
  };
  // For all certificates of the context. Those that cannot be asked about are left out, and `warn` is told why; `name`: of the
  // certificate, for people.
  Stapler(ssl_ctx_st* context, Options options, const std::string& name, const Complain& warn);
  ~Stapler();
  Stapler(const Stapler&) = delete;
  Stapler& operator=(const Stapler&) = delete;

 private:
  struct Staple;
  static int on_status(ssl_st* ssl, void* arg);
  void add(x509_st* certificate, const std::string& name, const Complain& warn);
  void update(Staple& staple);

  ssl_ctx_st* context_;
  const Options options_;
  std::vector<std::unique_ptr<Staple>> staples_;
};

}  // namespace weir::ocsp
