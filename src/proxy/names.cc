// See proxy/names.h.
#include "proxy/names.h"

#include <algorithm>

#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

using net::DnsAnswer;
using net::DnsStatus;
using net::RecordType;

namespace {
constexpr int kAliases = 16;  // one after the other
}  // namespace

// One type of records.
struct Names::Part {
  RecordType type;
  std::string name;  // aliases followed
  uint32_t round = 0;  // answers to what was asked before it are of no use any more
  int open = 0;  // questions of this round without an answer
  int tries = 0;
  int aliases = 0;
  bool done = false;
  DnsAnswer answer;
};

struct Names::Job {
  Shard& shard;
  std::string key;
  size_t server;  // whose turn it is
  std::vector<Part> parts;
  int aliases = 0;  // that were followed for all of them

  bool done() const { return std::ranges::all_of(parts, &Part::done); }
};

Names::Names(NameRules rules) : rules_(std::move(rules)), counts_(new NameCounts[rules_.servers.size()]) {}
Names::~Names() = default;

std::string Names::key_of(const std::string& name, What what) {
  std::string key = what == What::services ? "=" : "";
  for (char c : name) key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (key.ends_with('.')) key.pop_back();
  return key;
}

FoundPtr Names::known(const std::string& name, uint64_t now_ms, What what) {
  std::lock_guard hold(lock_);
  auto it = entries_.find(key_of(name, what));
  if (it == entries_.end() || !it->second.found || it->second.found->until_ms < now_ms) return nullptr;
  return it->second.found;
}

void Names::ask(Shard& shard, const std::string& name, Then then, What what) {
  std::string key = key_of(name, what);
  {
    std::lock_guard hold(lock_);
    if (entries_.size() >= many_) drop_old(shard.loop.now());
    Entry& e = entries_[key];
    e.waiting.emplace_back(shard.index, std::move(then));
    if (e.asking) return;
    e.asking = true;
  }
  auto begin = [this, key, name, what](Shard& first) { start(first, key, name, what); };
  if (shard.index == 0) return begin(shard);
  if (shard.post_to(0, begin)) return;
  // The first shard has ended, this process will soon.
  std::vector<std::pair<int, Then>> waiting;
  {
    std::lock_guard hold(lock_);
    waiting.swap(entries_[key].waiting);
    entries_.erase(key);
  }
  tell(shard, std::move(waiting), std::make_shared<Found>(Found{.status = DnsStatus::unreachable}));
}

void Names::drop_old(uint64_t now_ms) {
  std::erase_if(entries_, [&](const auto& e) {
    return !e.second.asking && (!e.second.found || e.second.found->until_ms < now_ms);
  });
  many_ = std::max(kMany, 2 * entries_.size());  // names that are still good are not looked through for each question
}

void Names::start(Shard& shard, const std::string& key, const std::string& name, What what) {
  auto job = std::make_shared<Job>(Job{shard, key, turn_++, {}});
  auto add = [&](RecordType type) { job->parts.push_back({.type = type, .name = name, .tries = rules_.tries}); };
  if (what == What::services) {
    add(RecordType::srv);
  } else {
    if (rules_.v4) add(RecordType::a);
    if (rules_.v6) add(RecordType::aaaa);
  }
  for (size_t i = 0; i < job->parts.size(); i++) ask_part(job, i);
}

void Names::ask_part(const std::shared_ptr<Job>& job, size_t i) {
  Part& part = job->parts[i];
  const uint32_t round = ++part.round;
  part.tries--;
  const size_t all = rules_.servers.size();
  part.open = rules_.all_at_once ? static_cast<int>(all) : 1;
  for (size_t n = 0; n < (rules_.all_at_once ? all : 1); n++) {
    const size_t server = rules_.all_at_once ? n : (job->server + round - 1) % all;
    counts_[server].sent.fetch_add(1, std::memory_order_relaxed);
    job->shard.name_server(rules_.servers[server], rules_.options)
        .ask(part.name, part.type,
             [this, job, i, server, round](const DnsAnswer& a) { take(job, i, server, round, a); });
  }
}

void Names::count(size_t server, const DnsAnswer& answer) {
  NameCounts& c = counts_[server];
  auto which = [&]() -> std::atomic<uint64_t>& {
    switch (answer.status) {
      case DnsStatus::ok: return c.valid;
      case DnsStatus::no_data: return answer.alias.empty() ? c.other : c.aliases;
      case DnsStatus::no_such_name: return c.no_such_name;
      case DnsStatus::timeout:
      case DnsStatus::unreachable: return c.timeouts;
      case DnsStatus::refused: return c.refused;
      case DnsStatus::invalid: return c.invalid;
      default: return c.other;
    }
  };
  which().fetch_add(1, std::memory_order_relaxed);
}

void Names::take(const std::shared_ptr<Job>& job, size_t i, size_t server, uint32_t round, const DnsAnswer& answer) {
  count(server, answer);
  Part& part = job->parts[i];
  if (part.done || round != part.round) return;
  part.open--;
  const bool alias = answer.status == DnsStatus::no_data && !answer.alias.empty();
  if (alias && rules_.all_at_once && ++part.aliases <= kAliases) {
    part.name = answer.alias;
    part.tries = rules_.tries;
    return ask_part(job, i);
  }
  part.answer = answer;
  const bool good = answer.status == DnsStatus::ok || answer.status == DnsStatus::no_data;
  if (!good && part.open > 0) return;
  const bool silent = answer.status == DnsStatus::timeout || answer.status == DnsStatus::unreachable;
  if (!good && (silent || rules_.all_at_once) && part.tries > 0) return ask_part(job, i);
  part.done = true;
  if (!rules_.all_at_once)
    take_together(job, part);
  else if (job->done())
    finish(*job);
}

// ngx_resolver_process_a(). An alias counts when it was told last.
void Names::take_together(const std::shared_ptr<Job>& job, const Part& last) {
  const DnsAnswer& answer = last.answer;
  if (answer.status != DnsStatus::ok && answer.status != DnsStatus::no_data) {
    for (Part& p : job->parts) {
      if (&p != &last) p.answer = {};
      p.done = true;
    }
    return finish(*job);
  }
  if (!job->done()) return;
  const bool any = std::ranges::any_of(job->parts, [](const Part& p) { return !p.answer.records.empty(); });
  if (!any && !answer.alias.empty() && ++job->aliases <= kAliases) return follow(job, answer.alias);
  finish(*job);
}

void Names::follow(const std::shared_ptr<Job>& job, const std::string& alias) {
  for (Part& p : job->parts) {
    p.name = alias;
    p.tries = rules_.tries;
    p.done = false;
  }
  for (size_t i = 0; i < job->parts.size(); i++) ask_part(job, i);
}

void Names::finish(Job& job) {
  auto found = std::make_shared<Found>();
  uint32_t ttl = UINT32_MAX;
  for (Part& part : job.parts) {
    for (net::DnsRecord& r : part.answer.records) found->records.push_back(std::move(r));
    if (part.answer.status == DnsStatus::ok) ttl = std::min(ttl, part.answer.ttl_s);
    const bool error = part.answer.status != DnsStatus::ok && part.answer.status != DnsStatus::no_data;
    if (error && found->status == DnsStatus::ok) found->status = part.answer.status;
  }
  if (!found->records.empty())
    found->status = DnsStatus::ok;
  else if (found->status == DnsStatus::ok)
    found->status = DnsStatus::no_such_name;
  const uint64_t now = job.shard.loop.now();
  // The time is in whole seconds, the running one counts.
  found->until_ms = (now / 1000 + (rules_.valid_ms ? rules_.valid_ms / 1000 : ttl)) * 1000 + 999;
  std::vector<std::pair<int, Then>> waiting;
  {
    std::lock_guard hold(lock_);
    Entry& e = entries_[job.key];
    e.asking = false;
    waiting.swap(e.waiting);
    if (found->status == DnsStatus::ok)
      e.found = found;
    else
      entries_.erase(job.key);  // the next one who asks may be luckier
  }
  tell(job.shard, std::move(waiting), found);
}

// Nobody is told from inside their question.
void Names::tell(Shard& shard, std::vector<std::pair<int, Then>> waiting, const FoundPtr& found) {
  for (auto& [index, then] : waiting) {
    if (index == shard.index)
      shard.post([then = std::move(then), found] { then(found); });
    else
      shard.post_to(index, [then = std::move(then), found](Shard&) { then(found); });
  }
}

NameWait::NameWait(Transaction& txn, Cursor& cursor)
    : txn_(txn), cursor_(cursor), alive_(std::make_shared<NameWait*>(this)) {
  cancel = [](Waiter* w) { static_cast<NameWait*>(w)->end(); };
}

NameWait::~NameWait() {
  *alive_ = nullptr;
}

void NameWait::end() {
  *alive_ = nullptr;
  txn_.shard.loop.disarm(*this);
}

NameWait* NameWait::start(Transaction& txn, Cursor& cursor, Names& names, const std::string& name, uint32_t timeout) {
  auto* w = txn.arena.own<NameWait>(txn, cursor);
  txn.own(w);
  if (timeout) txn.shard.loop.arm(*w, timeout);
  names.ask(txn.shard, name, [alive = w->alive_](FoundPtr found) {
    NameWait* self = *alive;
    if (!self) return;
    self->found_ = std::move(found);
    self->end();
    self->txn_.disown(self);
    self->txn_.wake(self->cursor_);
  });
  return w;
}

void NameWait::on_timer() {
  *alive_ = nullptr;
  txn_.disown(this);
  txn_.wake(cursor_);
}

Str dns_text(DnsStatus status) {
  switch (status) {
    case DnsStatus::ok: return "";
    case DnsStatus::bad_format: return "Format error";
    case DnsStatus::server_failure: return "Server failure";
    case DnsStatus::no_data:
    case DnsStatus::no_such_name: return "Host not found";
    case DnsStatus::not_implemented: return "Unimplemented";
    case DnsStatus::refused: return "Operation refused";
    case DnsStatus::invalid: return "Unknown error";
    case DnsStatus::timeout:
    case DnsStatus::unreachable: return "Operation timed out";
  }
  return "";
}

}  // namespace weir::proxy
