#pragma once
// The rewrite directives of one location, or of a server, compiled to a flat list of steps in the order of writing; the
// directives of an `if` block stand between, jumped over when its condition does not hold. rewrite.cc fills the list with
// return, rewrite, break and set, rewrite_if.cc with conditions. Lives in the model.
#include "nginx/module.h"
#include "nginx/request.h"

namespace weir::nginx {

struct RewriteConf {
  Setting<bool> log;
  Setting<bool> warn_uninitialised;
  ArenaList<proxy::Step> steps;  // only of the outermost level: blocks add to it
};
extern const Module kRewriteModule;

// What every rewrite step's configuration begins with. Distances are in steps, from this one.
struct RewriteOp {
  uint32_t to_end = 0;  // behind the last rewrite step of the program
};

// Appends a step to the program that the current block belongs to; returns its index.
uint32_t add_rewrite_step(Scope& scope, proxy::StepFn run, const RewriteOp* op, const config::Where& where);
RewriteConf& rewrite_program(Scope& scope);

// Goes on `distance` steps further on.
inline proxy::Next skip(proxy::Cursor& cursor, uint32_t distance) {
  cursor.target_step = cursor.stack[cursor.depth].at + distance;
  return proxy::Next::jump;
}

// match() with rewrite_log's lines; without a match the captures are gone, as in nginx.
bool rewrite_match(proxy::Transaction& txn, const expr::Regex& regex, Str subject);
const expr::Regex* compile_regex(Scope& scope, const config::Word& pattern, Str text, bool ignore_case);

}  // namespace weir::nginx
