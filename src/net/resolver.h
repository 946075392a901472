#pragma once
// A client of one name server on one loop: questions and answers, over UDP and, where an answer is cut, TCP. It remembers
// nothing and tries once; proxy/names.h does more. On the loop's thread only.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/str.h"
#include "base/wheel.h"
#include "net/addr.h"
#include "net/loop.h"

struct ares_channeldata;

namespace weir::net {

enum class RecordType : uint16_t { a = 1, aaaa = 28, srv = 33 };

struct DnsRecord {
  Addr addr;  // of an A or AAAA record, without a port
  std::string target;  // of a SRV record, as is what follows
  uint16_t port = 0;
  uint16_t priority = 0;
  uint16_t weight = 0;
};

// What name servers say; the numbers are those of DNS.
enum class DnsStatus : uint8_t {
  ok = 0,
  bad_format = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4,
  refused = 5,
  no_data,  // the name has no such records; or another name stands for it
  invalid,  // no answer that could be understood
  timeout,
  unreachable,  // no name server could be spoken to
};

struct DnsAnswer {
  DnsStatus status = DnsStatus::ok;
  std::vector<DnsRecord> records;
  std::string alias;  // with no_data: the name that stands for the one that was asked for
  uint32_t ttl_s = 0;  // the least of them, aliases on the way included
};

// The records of that type in a packet that answers a question for them. Aliases (CNAME) are followed.
DnsAnswer read_answer(const unsigned char* packet, int size, RecordType type);

struct ResolverOptions {
  uint32_t timeout_ms = 5000;
  uint32_t payload = 0;  // bytes of an answer that we say to take over UDP (EDNS0); 0: nothing is said

  bool tcp = false;  // at once

  bool operator==(const ResolverOptions&) const = default;
};

class Resolver final : public Timer {
 public:
  using Then = std::function<void(const DnsAnswer&)>;

  Resolver(Loop& loop, const Addr& server, ResolverOptions options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `then` is called once, perhaps before this returns.
  void ask(const std::string& name, RecordType type, Then then);

 private:
  struct Question;
  struct Watch;
  static void on_answer(void* arg, int status, int timeouts, unsigned char* packet, int size);
  static void on_socket(void* arg, int fd, int readable, int writable);
  void on_timer() override;
  void watch(int fd, bool readable, bool writable);
  void set_timer();

  Loop& loop_;
  ares_channeldata* channel_ = nullptr;
  std::vector<Watch*> watches_;
};

}  // namespace weir::net
