// When a request is tried again and how server connections are shared: retries, retry-on, http-reuse.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

void bind_retries(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), args_of(d, row)[0], row.name, 0, 1000, n))
    scope_of(s).proxy->s.retries = static_cast<uint32_t>(n);
}

struct Named {
  Str name;
  uint16_t bits;
};
constexpr uint16_t kAllRetryable =
    kRetryConnFailure | kRetryEmptyResponse | kRetryJunkResponse | kRetryResponseTimeout | kRetry0Rtt;
constexpr Named kReasons[] = {
    {"none", 0},
    {"conn-failure", kRetryConnFailure},
    {"empty-response", kRetryEmptyResponse},
    {"junk-response", kRetryJunkResponse},
    {"response-timeout", kRetryResponseTimeout},
    {"0rtt-rejected", kRetry0Rtt},
    {"all-retryable-errors", kAllRetryable},
};
constexpr uint16_t kStatuses[] = {401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503, 504};

bool add_reason(Scope& scope, const Word& word, Settings& settings) {
  for (const Named& n : kReasons)
    if (word == n.name) {
      settings.retry_on |= n.bits;
      if (n.bits == kAllRetryable) {
        settings.retry_on |= kRetryStatus;
        for (uint16_t status : {500, 502, 503, 504}) settings.retry_status.push(scope.arena, status);
      }
      return true;
    }
  auto n = parse_u64(word.text);
  for (uint16_t status : kStatuses)
    if (n && *n == status) {
      settings.retry_on |= kRetryStatus;
      settings.retry_status.push(scope.arena, status);
      return true;
    }
  scope.error(word.where, fmt::format("'{}' is not a reason to try again", word.text),
              "none, conn-failure, empty-response, junk-response, response-timeout, 0rtt-rejected, "
              "all-retryable-errors or a status",
              fmt::format("'retry-on': unknown keyword '{}'", word.text));
  return false;
}

void bind_retry_on(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Settings& settings = scope.proxy->s;
  settings.retry_on = 0;
  settings.retry_status = {};
  for (const Word& word : args_of(d, row))
    if (!add_reason(scope, word, settings)) return;
}

void bind_reuse(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  model::Reuse& reuse = scope.proxy->s.reuse;
  if (word == "never")
    reuse = model::Reuse::never;
  else if (word == "safe")
    reuse = model::Reuse::safe;
  else if (word == "aggressive")
    reuse = model::Reuse::aggressive;
  else if (word == "always")
    reuse = model::Reuse::always;
  else
    scope.error(
        word.where, fmt::format("'{}' is not a way of reusing connections", word.text),
        "never, safe, aggressive or always",
        fmt::format("'{}' only supports 'never', 'safe', 'aggressive', 'always' (got '{}').", row.name, word.text));
}

constexpr Row kRows[] = {
    {"retries", kBackends, 1, 1, Block::none, Inherit::copy, bind_retries, "<value>",
     "connection attempts after a failure"},
    {"retry-on", kBackends, 1, -1, Block::none, Inherit::copy, bind_retry_on, "[space-delimited list of keywords]",
     "failures after which a request is sent again"},
    {"http-reuse", kBackends, 1, 1, Block::none, Inherit::copy, bind_reuse, "{ never | safe | aggressive | always }",
     "when idle server connections may be shared between clients"},
};

}  // namespace

const config::Table kRetryTable = kRows;

}  // namespace weir::haproxy
