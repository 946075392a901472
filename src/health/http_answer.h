#pragma once
// An HTTP/1 response out of the bytes that a check has received, read as they come.
#include <string>

#include "http/h1_parser.h"
#include "http/message.h"

namespace weir::health {

class Run;

class HttpAnswer {
 public:
  enum class State : uint8_t { head, body, done, bad };

  // Of the request that was sent last.
  void expect_for(http::Method method, bool upgrade);
  // Reads on. `last`: no more bytes come.
  State read(Run& run, bool last);
  State state() const { return state_; }
  const http::Message* head() const { return state_ == State::head || !head_ ? nullptr : head_; }
  Str body() const { return body_; }
  void clear();

 private:
  http::Method method_ = http::Method::get;
  bool upgrade_ = false;
  State state_ = State::head;
  http::Message* head_ = nullptr;
  http::H1Body decoder_;
  std::string body_;
  size_t scanned_ = 0;
  size_t used_ = 0;  // bytes of the input that are read
};

}  // namespace weir::health
