#pragma once
// Checks that speak a protocol (`option smtpchk` and its like): programs of the same steps as `tcp-check` lines.
#include "haproxy/checks.h"
#include "haproxy/scope.h"
#include "health/run.h"

namespace weir::haproxy {

// Whether `option NAME` is such a check, which a healthcheck section may follow.
bool is_protocol_check(Str name);

// Builds the program of one protocol, line by line.
class ProtocolLines {
 public:
  // Of the section that is bound, which has that kind of check from here on.
  ProtocolLines(Scope& scope, const Directive& d);
  void connect(bool linger);
  void send(Str bytes);
  // A format, rendered for each check; with `hex` what it gives are hexadecimal digits.
  void send_format(Str format, bool hex);
  // As behind `tcp-check expect`.
  void expect(std::initializer_list<Str> words);
  void expect(health::Next (*run)(health::Run&, const void*, bool), const void* conf);

 private:
  void add(health::Step step);
  Scope& scope_;
  const Directive& line_;
  health::Program* program_;
  int number_ = 0;
};

// False: the option is switched off here.
bool wants_protocol(Scope& scope, const Directive& d);
// The result of an expect function that found nothing at all.
health::Next fail_empty(health::Run& run);

}  // namespace weir::haproxy
