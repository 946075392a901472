#pragma once
// `log-profile` sections: what a line says at each step of an exchange, for the `log` lines that name the profile
// (configuration.txt 8.3.5). Filled while binding, then only read.
#include "haproxy/log_format.h"
#include "haproxy/rule.h"

namespace weir::haproxy {

struct LogProfile {
  // What `on STEP` says; nothing of it: the target's own way.
  struct Override {
    bool given = false;
    bool drop = false;
    const LogFormat* format = nullptr;
    const LogFormat* structured = nullptr;
  };
  Str name;
  Str tag;  // empty: the proxy's
  Override steps[static_cast<size_t>(LogStep::count_)];
  Override error;
  Override any;

  // Null: the line stays as it is.
  const Override* of(LogStep step) const;
};

// `do-log`.
struct DoLog : Rule {
  LogStep step = LogStep::unspec;
  const LogProfile* profile = nullptr;
  config::Word profile_name;  // empty: that of each target
};

// As %OG writes it.
Str log_step_name(LogStep step);
// Profiles that `log` lines and rules name. After all sections were bound.
void resolve_log_profiles(Scope& scope);

}  // namespace weir::haproxy
