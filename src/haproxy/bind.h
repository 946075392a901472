#pragma once
// Walking HAProxy sections by the tables. Problems are all reported; nothing here stops at the first.
#include "haproxy/scope.h"

namespace weir::haproxy {

// Binds the lines of a section in `context`.
void bind_lines(Scope& scope, const Directive& section, ContextMask context);
// After all lines: `thread-hard-limit` wins over the number of threads, however that was found.
void limit_threads(Scope& scope);
// One line, or the opening of a section, in scope.context.
void bind_directive(Scope& scope, const Directive& d);
// Looks up the option word of a `bind` or `server` line in its context; reports an unknown one. Null after that.
const Row* find_option(Scope& scope, const Word& word, ContextMask context, Str line);
// The words of an option, by its row's number of arguments; reports when some are missing. `at` is left behind them.
bool take_option(Scope& scope, Words words, size_t& at, const Row& row, Words& args);

}  // namespace weir::haproxy
