// limit_rate, limit_rate_after and X-Accel-Limit-Rate (ngx_http_write_filter_module): so many bytes a second go to the client,
// the answer's head among them.
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

// The pace of the answer, head and framing included.
class Rate final : public net::Pace, public Timer, public proxy::Waiter {
 public:
  Rate(Transaction& txn, net::Conn& client, uint64_t rate, uint64_t after)
      : client_(client),
        rate_(rate),
        after_(after),
        start_ms_(txn.times.idle_ms ? txn.times.idle_ms : txn.times.head_ms) {
    cancel = [](proxy::Waiter* self) { static_cast<Rate*>(self)->end(); };
    client.set_pace(this);
    txn.own(this);
  }

  uint64_t allowance() override {
    if (Timer::armed()) return 0;
    const uint64_t seconds = (client_.loop().now() - start_ms_) / 1000;
    const int64_t limit = static_cast<int64_t>(rate_ * (seconds + 1) + after_) - static_cast<int64_t>(sent_);
    if (limit > 0) return static_cast<uint64_t>(limit);
    wait(static_cast<uint64_t>(-limit) * 1000 / rate_ + 1);
    return 0;
  }
  void sent(uint64_t n) override {
    const uint64_t before = limited();
    sent_ += n;
    if (uint64_t delay = (limited() - before) * 1000 / rate_) wait(delay);
  }

 private:
  void on_timer() override { client_.go_on(); }
  void wait(uint64_t ms) { client_.loop().arm(*this, ms); }
  uint64_t limited() const { return sent_ > after_ ? sent_ - after_ : 0; }
  void end() {
    client_.loop().disarm(*this);
    client_.set_pace(nullptr);
  }

  net::Conn& client_;
  uint64_t rate_;
  uint64_t after_;
  uint64_t start_ms_;
  uint64_t sent_ = 0;
};

// Where filters are made the answer is known and nothing of it was sent; the pace is the connection's, so that none is made.
Filter* set_pace(Transaction& txn, const void* conf) {
  const auto& c = *static_cast<const LimitRateConf*>(conf);
  Request& r = of(txn);
  if (txn.parent) return nullptr;
  if (!r.limit_rate_set) {
    r.limit_rate = size_of(txn, c.rate);
    r.limit_rate_set = true;
  }
  if (!r.limit_rate) return nullptr;
  r.limit_rate_after = size_of(txn, c.after);
  if (net::Conn* client = txn.client ? txn.client->conn() : nullptr)
    txn.arena.own<Rate>(txn, *client, r.limit_rate, r.limit_rate_after);
  return nullptr;
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
  l.filters.push_back({set_pace, conf, kOrder});
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
