// Words of the `global` section about the process itself that are said once and kept: what it may do as another user, whom it
// refuses, how it ends connections, what it says (configuration.txt 3.1).
#include <fmt/format.h>
#include <linux/capability.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

const Word& first(const Directive& d, const Row& row) {
  return args_of(d, row)[0];
}

void bind_close_spread(void* s, const Directive& d, const Row& row) {
  uint32_t& spread = scope_of(s).model.process.close_spread;
  if (first(d, row) == "infinite")
    spread = model::Process::kNeverCloses;
  else
    read_time_ms(scope_of(s), first(d, row), row.name, spread);
}

// Whether the word is `on`; nothing after saying that it is neither that nor `off`.
std::optional<bool> read_switch(Scope& scope, const Word& word, const Row& row) {
  if (word == "on" || word == "off") return word == "on";
  scope.error(word.where, fmt::format("'{}' is neither 'on' nor 'off'", word.text), {},
              fmt::format("'{}' expects either 'on' or 'off' but got '{}'.", row.name, word.text));
  return std::nullopt;
}

void bind_privileged_ports(void* s, const Directive& d, const Row& row) {
  if (auto on = read_switch(scope_of(s), first(d, row), row)) scope_of(s).model.process.refuses_privileged_ports = *on;
}

// For the lines behind it the name is set while the file is read (config/environment.h).
void bind_local_peer(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  if (scope.options.keeps_peer)
    scope.warning(
        d.where, "the option -L names this host, 'localpeer' does not", "leave one of them out",
        fmt::format("'{}' ignored since it is already set by using the '-L' command line argument.", row.name));
  else
    scope.global.local_peer = first(d, row).text;
}

void bind_stall_warning(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint32_t ms = 0;
  if (!read_time_ms(scope, first(d, row), row.name, ms)) return;
  if (ms < 1 || ms > 1000)
    scope.error(first(d, row).where, fmt::format("'{}' is not between 1 and 1000 ms", first(d, row).text), {},
                fmt::format("'{}' expects a value between 1 and 1000 ms.", row.name));
  else
    scope.model.process.stall_ms = ms;
}

struct Capability {
  Str name;
  uint32_t bit;
};
constexpr Capability kCapabilities[] = {
    {"cap_net_raw", 1u << CAP_NET_RAW},
    {"cap_net_admin", 1u << CAP_NET_ADMIN},
    {"cap_net_bind_service", 1u << CAP_NET_BIND_SERVICE},
    {"cap_sys_admin", 1u << CAP_SYS_ADMIN},
};

void bind_capabilities(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = first(d, row);
  uint32_t bits = 0;
  for (Str rest = word.text; !rest.empty();) {
    Str name = cut(rest, ',');
    auto known = std::ranges::find(kCapabilities, name, &Capability::name);
    if (known == std::end(kCapabilities)) {
      scope.error(word.where, fmt::format("'{}' is no capability that can be kept", name),
                  "cap_net_raw, cap_net_admin, cap_net_bind_service and cap_sys_admin",
                  fmt::format("'{}' : unsupported capability '{}'. Supported ones are: cap_net_raw, cap_net_admin, "
                              "cap_net_bind_service and cap_sys_admin.",
                              row.name, name));
      return;
    }
    bits |= known->bit;
  }
  scope.model.process.capabilities |= bits;
}

void bind_thread_limit(void* s, const Directive& d, const Row& row) {
  constexpr uint64_t kMostThreads = 256;
  uint64_t n = 0;
  if (read_number(scope_of(s), first(d, row), row.name, 1, kMostThreads, n))
    scope_of(s).global.thread_limit = static_cast<uint32_t>(n);
}

template <bool Global::* member>
void bind_flag(void* s, const Directive&, const Row&) {
  scope_of(s).global.*member = true;
}

constexpr Row word(Str name, int8_t args, config::BindFn bind, Str syntax, Str help, Str no_effect = {}) {
  return {name, kGlobal, args, args, Block::none, Inherit::none, bind, syntax, help, no_effect};
}

constexpr Row kRows[] = {
    word("setcap", 1, bind_capabilities, "<name>[,<name>...]",
         "keep these Linux capabilities after privileges are dropped"),
    word("harden.reject-privileged-ports.tcp", 1, bind_privileged_ports, "{ on | off }",
         "refuse TCP clients whose source port is below 1024"),
    word("harden.reject-privileged-ports.quic", 1, nullptr, "{ on | off }",
         "refuse QUIC clients whose source port is below 1024", "QUIC is not built"),
    word("close-spread-time", 1, bind_close_spread, "{ <time> | infinite }",
         "spread the closing of idle connections over this time during a soft stop"),
    word("localpeer", 1, bind_local_peer, "<name>", "name of this instance in the peers sections"),
    word("thread-hard-limit", 1, bind_thread_limit, "<number>",
         "upper bound of the number of threads, however it was chosen"),
    word("warn-blocked-traffic-after", 1, bind_stall_warning, "<time>",
         "warn about one thing that keeps a thread from the traffic for longer than this"),
    word("quiet", 0, bind_flag<&Global::quiet>, "", "print nothing at start"),
    word("zero-warning", 0, bind_flag<&Global::zero_warning>, "",
         "refuse to start when the configuration raises a warning"),
};

}  // namespace

void limit_threads(Scope& scope) {
  int& threads = scope.model.process.shards;
  int limit = static_cast<int>(scope.global.thread_limit);
  if (limit == 0 || threads <= limit) return;
  if (scope.global.threads_given)
    scope.warning({}, fmt::format("'nbthread' asks for {} threads and 'thread-hard-limit' allows {}", threads, limit),
                  "change one of them",
                  fmt::format("nbthread forced to a higher value ({}) than the configured thread-hard-limit ({}), "
                              "enforcing the limit. Please fix either value to remove this warning.",
                              threads, limit));
  threads = limit;
}

const config::Table kGlobalProcessTable = kRows;

}  // namespace weir::haproxy
