// See health/http_answer.h.
#include "health/http_answer.h"

#include "health/run.h"

namespace weir::health {
namespace {

const http::H1Limits kLimits = [] {
  http::H1Limits limits;
  limits.max_line = limits.max_header = limits.max_head = 64 * 1024;
  limits.ignore_invalid_headers = false;
  limits.underscores_in_headers = true;
  return limits;
}();

}  // namespace

void HttpAnswer::expect_for(http::Method method, bool upgrade) {
  clear();
  method_ = method;
  upgrade_ = upgrade;
}

void HttpAnswer::clear() {
  state_ = State::head;
  head_ = nullptr;
  body_.clear();
  scanned_ = used_ = 0;
}

HttpAnswer::State HttpAnswer::read(Run& run, bool last) {
  while (state_ == State::head) {
    Str rest = run.input().substr(used_);
    size_t end = http::find_head_end(rest, scanned_);
    if (end == 0) {
      if (last && !rest.empty()) state_ = State::bad;
      return state_;
    }
    auto* head = run.arena().make<http::Message>(run.arena());
    http::H1Error error =
        http::parse_response_head(run.arena().dup(rest.substr(0, end)), kLimits, method_, upgrade_, *head);
    if (!error.ok()) return state_ = State::bad;
    used_ += end;
    scanned_ = 0;
    if (head->status < 200 && head->status != 101) continue;  // another head follows
    head_ = head;
    bool bodiless = head_->body == http::Body::none || head_->body == http::Body::tunnel ||
                    (head_->body == http::Body::length && head_->content_length == 0);
    state_ = bodiless ? State::done : State::body;
    decoder_.start(head_->body, head_->content_length);
  }
  while (state_ == State::body && used_ < run.input().size()) {
    size_t consumed = 0;
    Str data;
    auto state = decoder_.feed(run.input().substr(used_), consumed, data);
    used_ += consumed;
    body_.append(data);
    if (state == http::H1Body::State::bad) return state_ = State::bad;
    if (state == http::H1Body::State::done) state_ = State::done;
    if (consumed == 0) break;
  }
  if (state_ == State::body && last) state_ = State::done;
  return state_;
}

}  // namespace weir::health
