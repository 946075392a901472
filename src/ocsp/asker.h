#pragma once
// Asks OCSP responders over HTTP (RFC 6960 A.1). Questions come from all shards, the first one asks. One for a configuration,
// in the model's arena.
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/str.h"
#include "net/addr.h"
#include "proxy/service.h"

namespace weir::proxy {
class Names;
}

namespace weir::ocsp {

struct Responder {
  std::string host;  // empty: there is none
  uint16_t port = 80;
  std::string path = "/";
  std::vector<net::Addr> addrs;  // where nobody looks the name up, or it is an address
  proxy::Names* names = nullptr;
  uint64_t timeout_ms = 60'000;  // of an answer
};
// Of http://HOST[:PORT][/PATH]; an address in HOST is taken, a name is not looked up. False with the reason in `problem`.
bool parse_responder(Str url, Responder& out, std::string& problem);
// Looks its host up now, if that is a name, with the system's means. For the configuration thread.
void look_up(Responder& responder);

class Asker final : public proxy::Service {
 public:
  // The answer's bytes, or else what is wrong.
  using Then = std::function<void(const std::string& der, const std::string& problem)>;

  Asker();
  ~Asker();
  // `then` is called on that shard's thread, later; not when the process ends before.
  void ask(proxy::Shard& from, const Responder& responder, std::string request, Then then);

  void start(proxy::Shard& shard) override;
  void end() override;

 private:
  struct Question;
  class Query;
  void begin(Question& q);
  void connect(Question& q);
  void finish(Question& q, const std::string& der, const std::string& problem);

  proxy::Shard* shard_ = nullptr;
  std::list<std::shared_ptr<Question>> questions_;
};

}  // namespace weir::ocsp
