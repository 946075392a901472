#pragma once
// Writing a structure down and reading it back by one list of its fields: `template <class Archive> void fields(Archive& a)`
// calls `a(x, y)` for numbers, words and text, `a.descriptor(fd)` and `a.each(list, function)`. Each value carries its sort, so that a
// reader whose list is another one notices. Used by master/replacement.cc.
#include <fmt/format.h>

#include <string>
#include <type_traits>
#include <vector>

#include "base/str.h"

namespace weir::master {

class Writer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  void descriptor(int fd) {
    if (fd >= 0) descriptors_.push_back(fd);
    text_ += fmt::format("d{};", fd);
  }
  // `function` writes one element, by operator() of this archive.
  template <class T, class Function>
  void each(std::vector<T>& list, Function function) {
    text_ += fmt::format("l{};", list.size());
    for (T& element : list) function(element);
  }
  const std::string& text() const { return text_; }
  const std::vector<int>& descriptors() const { return descriptors_; }

 private:
  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void put(T value) {
    text_ += fmt::format("n{};", static_cast<long long>(value));
  }
  void put(const std::string& value) { text_ += fmt::format("s{};{}", value.size(), value); }
  void put(const std::vector<std::string>& values) {
    text_ += fmt::format("l{};", values.size());
    for (const std::string& value : values) put(value);
  }

  std::string text_;
  std::vector<int> descriptors_;
};

// What is not as expected leaves the values alone from there on; `complete` tells.
class Reader {
 public:
  explicit Reader(Str text) : rest_(text) {}

  template <class... T>
  void operator()(T&... values) {
    (take(values), ...);
  }
  void descriptor(int& fd) {
    fd = static_cast<int>(number('d'));
    if (fd >= 0) descriptors_.push_back(fd);
  }
  template <class T, class Function>
  void each(std::vector<T>& list, Function function) {
    for (size_t n = count(); n > 0 && good_; n--) function(list.emplace_back());
  }
  bool complete() const { return good_ && rest_.empty(); }
  const std::vector<int>& descriptors() const { return descriptors_; }

 private:
  long long number(char sort) {
    good_ = good_ && !rest_.empty() && rest_[0] == sort;
    if (!good_) return -1;
    rest_.remove_prefix(1);
    good_ = rest_.find(';') != Str::npos;
    Str digits = cut(rest_, ';');
    bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    auto value = parse_u64(digits);
    good_ = good_ && value.has_value();
    if (!good_) return -1;
    return static_cast<long long>(negative ? 0 - *value : *value);
  }
  // Of elements or bytes that follow, each of which takes one byte at least.
  size_t count(char sort = 'l') {
    long long n = number(sort);
    good_ = good_ && n >= 0 && static_cast<size_t>(n) <= rest_.size();
    return good_ ? static_cast<size_t>(n) : 0;
  }

  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void take(T& value) {
    long long n = number('n');
    if (good_) value = static_cast<T>(n);
  }
  void take(std::string& value) {
    size_t n = count('s');
    if (!good_) return;
    value = std::string(rest_.substr(0, n));
    rest_.remove_prefix(n);
  }
  void take(std::vector<std::string>& values) {
    each(values, [this](std::string& value) { take(value); });
  }

  Str rest_;
  bool good_ = true;
  std::vector<int> descriptors_;
};

}  // namespace weir::master
