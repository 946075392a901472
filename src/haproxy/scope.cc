// Helpers of haproxy/scope.h: reporting, and reading the values of arguments.
#include "haproxy/scope.h"

#include <fmt/format.h>

#include "expr/args.h"

namespace weir::haproxy {

config::Diagnostic& Scope::error(const Where& where, std::string text, std::string remedy, std::string product) {
  config::Diagnostic& d = diag.error(where, text, std::move(remedy));
  d.product = product.empty() ? std::move(text) : std::move(product);
  return d;
}

config::Diagnostic& Scope::warning(const Where& where, std::string text, std::string remedy, std::string product) {
  config::Diagnostic& d = diag.warning(where, text, std::move(remedy));
  d.product = product.empty() ? std::move(text) : std::move(product);
  return d;
}

void Scope::planned(const Where& where, Str what, bool harmless) {
  diag.add(config::Severity::planned, where, fmt::format("not yet: {}", what), {}).harmless = harmless;
}

void Scope::missing(const Where& where, std::string text, std::string product) {
  if (options.offline)
    diag.note(where, std::move(text));
  else
    error(where, std::move(text), {}, std::move(product));
}

void Scope::missing_file(const Where& where, std::string text, std::string product) {
  if (options.offline)
    diag.note(where, std::move(text));
  else
    error(where, std::move(text), "check the path, its permissions and what is in it", std::move(product));
}

bool read_time_ms(Scope& scope, const Word& word, Str what, uint32_t& ms) {
  uint64_t us = 0;
  std::string problem;
  if (!expr::parse_time_us(word.text, 1000, us, problem)) {
    if (!problem.ends_with("is not a time")) problem = fmt::format("'{}' is not a time: {}", word.text, problem);
    scope.error(word.where, problem, "a number with us, ms, s, m, h or d; without a unit it is milliseconds",
                fmt::format("unexpected character in '{}'", what));
    return false;
  }
  uint64_t rounded = (us + 999) / 1000;
  if (rounded > INT32_MAX) {
    scope.error(word.where, fmt::format("'{}' is more than 24 days", word.text), {},
                fmt::format("timer overflow in argument '{}' to '{}' (maximum value is 2147483647 ms or ~24.8 days)",
                            word.text, what));
    return false;
  }
  ms = static_cast<uint32_t>(rounded);
  return true;
}

bool read_number(Scope& scope, const Word& word, Str what, uint64_t min, uint64_t max, uint64_t& out) {
  auto n = parse_u64(word.text);
  if (n && *n >= min && *n <= max) {
    out = *n;
    return true;
  }
  scope.error(
      word.where, fmt::format("'{}' takes a number from {} to {}, not '{}'", what, min, max, word.text), {},
      fmt::format("'{}' : invalid value '{}', expects an integer between {} and {}.", what, word.text, min, max));
  return false;
}

bool read_size(Scope& scope, const Word& word, Str what, uint64_t& out) {
  if (expr::parse_size(word.text, out)) return true;
  scope.error(word.where, fmt::format("'{}' takes a size, not '{}'", what, word.text),
              "a number, which k, m or g may follow");
  return false;
}

}  // namespace weir::haproxy
