#pragma once
// Whether clients' certificates are revoked (RFC 6960): when the handshake is over and they are good otherwise, responders are
// asked, and the connection waits for them. What they say is kept as long as it is good.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "ocsp/asker.h"
#include "ocsp/message.h"

struct ssl_ctx_st;
struct ssl_st;

namespace weir::ocsp {

// By question_key(). All shards'.
class StatusCache {
 public:
  explicit StatusCache(size_t most) : most_(most) {}
  bool find(const std::string& key, int64_t now_s, Status& out);
  void keep(const std::string& key, const Answer& answer);

 private:
  const size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, Answer> answers_;
};

class ClientStatus {
 public:
  struct Options {
    Asker* asker;
    Responder responder;  // without a host: the certificates' own
    proxy::Names* names = nullptr;
    bool leaf_only = false;
    StatusCache* cache = nullptr;  // null: nothing is kept
    std::function<void(const ssl_st* ssl, const std::string& text)> complain;
  };
  explicit ClientStatus(Options options) : options_(std::move(options)) {}
  // Connections of this context are held back until the answers are there. This lives as long as it does.
  void watch(ssl_ctx_st* context);
  // What is wrong with the client's certificates; empty: nothing, or nobody was to be asked. Lives for ever.
  static Str problem_of(const ssl_st* ssl);

 private:
  struct Check;
  static bool after(ssl_st* ssl, void* arg);
  bool go_on(ssl_st* ssl, const std::shared_ptr<Check>& check);
  bool ask(ssl_st* ssl, const std::shared_ptr<Check>& check);

  const Options options_;
};

}  // namespace weir::ocsp
