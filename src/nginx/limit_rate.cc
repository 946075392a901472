// limit_rate, limit_rate_after and X-Accel-Limit-Rate (ngx_http_write_filter_module): a filter that lets a response pass at
// so many bytes a second and makes its source wait meanwhile.
#include <fmt/format.h>

#include <algorithm>

#include "net/conn.h"
#include "nginx/modules.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Name;
using proxy::Cursor;
using proxy::Filter;
using proxy::Next;
using proxy::Transaction;

constexpr int kOrder = 90;

struct LimitRateConf {
  Setting<const Script*> rate;
  Setting<const Script*> after;
};

// 0 where there is no size.
uint64_t size_of(Transaction& txn, const Setting<const Script*>& setting) {
  uint64_t n = 0;
  return setting.set && parse_size(setting.value->eval(txn), n) ? n : 0;
}

class RateFilter final : public Filter, public Timer {
 public:
  RateFilter(Transaction& txn, uint64_t rate, uint64_t after) : txn_(txn), rate_(rate), after_(after) {
    start_ms_ = txn.times.idle_ms ? txn.times.idle_ms : txn.times.head_ms;
  }

  void data(Str data, bool end) override {
    if (!queue_.append(data.data(), data.size())) {
      Error e{Fault::resource, Side::proxy};
      e.sys = ENOMEM;
      e.text = "no memory for the response";
      txn_.fail(e);
      return;
    }
    ended_ = end;
    pump();
  }
  void resume() override { pump(); }
  void abort() override {
    txn_.shard.loop.disarm(*this);
    queue_.clear();
  }

 private:
  void on_timer() override {
    pump();
    if (pipe->held() || !txn_.client) return;
    // What waited for this filter goes on: the source has room again, or the exchange is complete.
    txn_.on_drained(*txn_.client);
  }

  // Bytes that may go now; not positive: how many too many went already.
  int64_t allowance() const {
    uint64_t seconds = (txn_.shard.loop.now() - start_ms_) / 1000;
    return static_cast<int64_t>(rate_ * (seconds + 1) + after_) - static_cast<int64_t>(sent_);
  }

  void pump() {
    while (!finished_ && !Timer::armed() && !pipe->congested() && (!queue_.empty() || ended_)) {
      int64_t limit = allowance();
      if (limit <= 0) {
        wait(static_cast<uint64_t>(-limit) * 1000 / rate_ + 1);
        break;
      }
      uint64_t limited_before = sent_ > after_ ? sent_ - after_ : 0;
      send(std::min<uint64_t>(static_cast<uint64_t>(limit), queue_.size()));
      uint64_t limited_after = sent_ > after_ ? sent_ - after_ : 0;
      if (finished_) break;
      if (uint64_t delay = (limited_after - limited_before) * 1000 / rate_) wait(delay);
    }
    pipe->set_held(!queue_.empty() || (ended_ && !finished_));
  }
  void wait(uint64_t ms) { txn_.shard.loop.arm(*this, ms); }

  void send(uint64_t n) {
    sent_ += n;
    do {
      Str part = queue_.front().substr(0, n);
      n -= part.size();
      finished_ = ended_ && part.size() == queue_.size();
      emit(part, finished_);
      queue_.consume(part.size());
    } while (n);
  }

  Transaction& txn_;
  uint64_t rate_;
  uint64_t after_;
  uint64_t start_ms_;
  uint64_t sent_ = 0;
  net::BufQueue queue_;
  bool ended_ = false;
  bool finished_ = false;
};

Filter* make_rate_filter(Transaction& txn, const void* conf) {
  const auto& c = *static_cast<const LimitRateConf*>(conf);
  Request& r = of(txn);
  if (txn.parent) return nullptr;
  if (!r.limit_rate_set) {
    r.limit_rate = size_of(txn, c.rate);
    r.limit_rate_set = true;
  }
  if (!r.limit_rate) return nullptr;
  r.limit_rate_after = size_of(txn, c.after);
  return txn.arena.own<RateFilter>(txn, r.limit_rate, r.limit_rate_after);
}

// The server may set the rate. Runs before the proxy's own step, which hides the header and may redirect; so this module
// is compiled after the proxy's.
Next read_accel_header(Transaction& txn, Cursor&, const void*) {
  if (txn.local_reply) return Next::next;
  const http::Header* h = txn.response.headers.find(Name::x_accel_limit_rate);
  if (!h) return Next::next;
  const auto& ignored = conf_of<ProxyConf>(txn, kProxyModule).ignore_headers;
  if (std::any_of(ignored.begin(), ignored.end(), [](Str name) { return iequals(name, "X-Accel-Limit-Rate"); }))
    return Next::next;
  auto n = parse_u64(h->value);
  if (!n) return Next::next;
  of(txn).limit_rate = *n;
  of(txn).limit_rate_set = true;
  return Next::next;
}

void compile_limit_rate(Scope&, Location& l, void* conf) {
  l.filters.push_back({make_rate_filter, conf, kOrder});
  if (!l.of<ProxyConf>(kProxyModule).target.set) return;
  l.response_steps.insert(l.response_steps.begin(), proxy::Step{read_accel_header, nullptr, {}});
}

bool limit_rate_variable(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  Request& r = of(*ctx.txn);
  if (!r.limit_rate_set) r.limit_rate = size_of(*ctx.txn, conf_of<LimitRateConf>(*ctx.txn, kLimitRateModule).rate);
  r.limit_rate_set = true;
  out = Value::of(ctx.arena->dup(fmt::format_int(r.limit_rate).c_str()));
  return true;
}
void assign_limit_rate(Transaction& txn, Str value) {
  uint64_t n = 0;
  if (!parse_size(value, n)) return;
  of(txn).limit_rate = n;
  of(txn).limit_rate_set = true;
}

void bind_size(void* s, const Directive& d, const Row& row) {
  auto& scope = *static_cast<Scope*>(s);
  uint64_t n = 0;
  Str text = d.arg(0).text;
  if (text.find('$') == Str::npos && !parse_size(text, n))
    return bad_value(scope, d, 0, "a size such as 100k, 0 for no limit");
  set_value(s, d, row);
}

const Row kTable[] = {
    {"limit_rate",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_size,
     "rate",
     "bytes per second that a response is sent at; 0 for no limit",
     {},
     WEIR_FIELD(LimitRateConf, rate),
     "0"},
    {"limit_rate_after",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_size,
     "size",
     "bytes of a response that are sent before limit_rate counts",
     {},
     WEIR_FIELD(LimitRateConf, after),
     "0"},
};

const VariableDef kVariables[] = {
    {"limit_rate", limit_rate_variable, false, true, assign_limit_rate},
};

}  // namespace

const Module kLimitRateModule{"limit_rate", sizeof(LimitRateConf), module_create<LimitRateConf>, kTable,
                              nullptr,      compile_limit_rate};
const std::span<const VariableDef> kLimitRateVariables{kVariables};

}  // namespace weir::nginx
