// Commands about process-wide variables.
#include <fmt/format.h>

#include "control/command.h"
#include "expr/variables.h"

namespace weir::control {
namespace {

Str short_type(expr::Type type) {
  switch (type) {
    case expr::Type::boolean: return "bool";
    case expr::Type::integer: return "sint";
    case expr::Type::ipv4: return "ipv4";
    case expr::Type::ipv6: return "ipv6";
    case expr::Type::binary: return "bin";
    case expr::Type::method: return "meth";
    default: return "str";
  }
}

Outcome run_get(Call& call) {
  Str name = call.word(2);
  if (name.empty()) return call.refuse("Missing process-wide variable identifier.\n");
  const expr::Variable* variable = expr::find_variable(name);
  Arena arena;
  expr::Value value;
  if (!variable || variable->scope != expr::Scope::proc || !expr::get_proc_variable(*variable, value, arena))
    return call.refuse("Variable not found.\n");
  std::string text(expr::to_text(value, arena));
  for (char& c : text)
    if (c < 0x20 || c > 0x7e) c = '.';
  return call.say(fmt::format("{}: type={} value=<{}>\n", name, short_type(value.type), text));
}

Outcome run_set(Call& call) {
  if (!call.session.experimental) return call.refuse("This command is restricted to experimental mode only.\n");
  bool format = call.word(3) == "fmt";
  size_t at = format || call.word(3) == "expr" ? 4 : 3;
  if (call.word(2).empty()) return call.refuse("Missing process-wide variable identifier.\n");
  if (call.words.size() <= at) return call.refuse("Missing expression.\n");
  const stats::Catalogue& catalogue = call.server.catalogue();
  std::string problem =
      catalogue.set_variable(call.word(2), {call.words.begin() + static_cast<long>(at), call.words.end()}, format);
  return problem.empty() ? Outcome::done : call.refuse(problem + "\n");
}

constexpr Command kRows[] = {
    {{"get", "var"}, Level::operate, "get var <name>", "the type and contents of a process-wide variable", run_get},
    {{"set", "var"},
     Level::operate,
     "set var <name> [fmt|expr] {<fmt>|<expr>}",
     "set a process-wide variable from an expression or a format (experimental mode)",
     run_set},
};

}  // namespace

const Commands kVariableCommands = kRows;

}  // namespace weir::control
