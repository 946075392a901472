#pragma once
// Names and their addresses while requests run: what a `resolver` of the configuration has found out, and finding it out. One
// for all shards; name servers are spoken to by the first one. Lives in the model's arena.
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/resolver.h"
#include "proxy/step.h"

namespace weir::proxy {

class Shard;
class Transaction;

struct NameRules {
  std::vector<net::Addr> servers;  // with ports
  // Every server is asked, and the first good answer counts, for each type of records alone (HAProxy). Else they take turns, an
  // error about one type is one about the name, and an alias is followed for all types, where none has records (nginx).
  bool all_at_once = false;
  int tries = 3;  // of a question
  bool v4 = true;
  bool v6 = true;
  uint32_t valid_ms = 0;  // how long an answer is good; 0: as it says itself
  net::ResolverOptions options;
};

// What one name server has said.
struct NameCounts {
  std::atomic<uint64_t> sent{0}, valid{0}, aliases{0}, no_such_name{0}, timeouts{0}, refused{0}, other{0}, invalid{0};
};

// What a name stands for.
struct Found {
  net::DnsStatus status = net::DnsStatus::ok;
  std::vector<net::DnsRecord> records;  // addresses, or services (SRV)
  uint64_t until_ms = 0;  // good up to then, monotonic
};
using FoundPtr = std::shared_ptr<const Found>;

class Names {
 public:
  using Then = std::function<void(FoundPtr)>;
  enum class What : uint8_t { addresses, services };

  explicit Names(NameRules rules);
  ~Names();

  // What is known and still good, or null. From any thread.
  FoundPtr known(const std::string& name, uint64_t now_ms, What what = What::addresses);
  // Asks; `then` is called on this shard's thread, later. Several that ask for a name share one question.
  void ask(Shard& shard, const std::string& name, Then then, What what = What::addresses);
  const NameRules& rules() const { return rules_; }
  // Of the server with that number among the rules'.
  const NameCounts& counts(size_t server) const { return counts_[server]; }

 private:
  struct Entry {
    FoundPtr found;
    bool asking = false;
    std::vector<std::pair<int, Then>> waiting;  // with their shards
  };
  struct Part;
  struct Job;
  static std::string key_of(const std::string& name, What what);
  void start(Shard& shard, const std::string& key, const std::string& name, What what);
  void ask_part(const std::shared_ptr<Job>& job, size_t part);
  void take(const std::shared_ptr<Job>& job, size_t part, size_t server, uint32_t round, const net::DnsAnswer& answer);
  void take_together(const std::shared_ptr<Job>& job, const Part& last);
  void follow(const std::shared_ptr<Job>& job, const std::string& alias);
  void count(size_t server, const net::DnsAnswer& answer);
  void finish(Job& job);
  static void tell(Shard& shard, std::vector<std::pair<int, Then>> waiting, const FoundPtr& found);
  void drop_old(uint64_t now_ms);

  const NameRules rules_;
  const std::unique_ptr<NameCounts[]> counts_;
  std::mutex lock_;
  // Guarded by it. What is out of date is looked for when there are so many names.
  std::unordered_map<std::string, Entry> entries_;
  static constexpr size_t kMany = 1024;
  size_t many_ = kMany;
  size_t turn_ = 0;  // of the first shard's thread
};

// A request that waits for a name. In its arena.
class NameWait final : public Waiter, public Timer {
 public:
  explicit NameWait(Transaction& txn, Cursor& cursor);
  ~NameWait();
  // The step returns Next::wait behind this. `timeout` in ms, 0: none.
  static NameWait* start(Transaction& txn, Cursor& cursor, Names& names, const std::string& name, uint32_t timeout);
  // Null: the time was over.
  const FoundPtr& found() const { return found_; }

 private:
  void on_timer() override;
  void end();
  Transaction& txn_;
  Cursor& cursor_;
  FoundPtr found_;
  std::shared_ptr<NameWait*> alive_;
};

// For logs, as nginx says it: "Host not found".
Str dns_text(net::DnsStatus status);

}  // namespace weir::proxy
