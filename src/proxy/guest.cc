// The part of proxy/transaction.h for requests that enter a pool of another personality than their listener's.
#include "proxy/forward.h"
#include "proxy/personality.h"
#include "proxy/transaction.h"

namespace weir::proxy {

// The pool's own rules see the request as the listener's side would have sent it.
Next Transaction::be_guest(const Forward& p) {
  host_plan_ = &p;
  if (p.build) {
    auto* built = arena.own<http::Message>(arena);
    build_head(*built, p);
    built->path = built->target;
    built->authority = built->headers.value(http::Name::host);
    built->expect_continue = request.expect_continue;
    std::swap(*built, request);
    asked_ = built;
  }
  Cursor& c = cursors[kRequest];
  c.target_segment = pool->entry;
  return Next::goto_;
}

// Servers, retries and times as the pool has them; what concerns the client and the bodies as the listener's side wants it.
const Forward* Transaction::guest_plan(const Forward& own) {
  auto* merged = arena.make<Forward>(own);
  merged->client = host_plan_->client;
  merged->conf = host_plan_->conf;
  return merged;
}

// The listener's rules go on with the request that the client made.
void Transaction::take_back_request() {
  if (!asked_) return;
  std::swap(*asked_, request);
  asked_ = nullptr;
}

// Starts the rules for a response that is complete in `response`: the pool's run before the listener's.
void Transaction::respond() {
  take_back_request();
  personality->response(*this);
  if (host_plan_) pool->personality->guest_response(*this);
  run_response();
}

void Transaction::stop_being_guest() {
  if (!host_plan_) return;
  take_back_request();
  pool->personality->guest_ended(*this);
  host_plan_ = nullptr;
  pool_extra = nullptr;
}

}  // namespace weir::proxy
