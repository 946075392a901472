#pragma once
// What the order of rules in a section does not mean, in HAProxy's words: rules run by kind, and nothing behind a final one.
#include "haproxy/scope.h"

namespace weir::haproxy {

void check_rule_order(Scope& scope, const Directive& section);

}  // namespace weir::haproxy
