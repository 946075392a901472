// split_clients: a variable that divides clients by percentages of a hash (ngx_http_split_clients_module). The hash is
// MurmurHash2, so that a client stays in the group in which nginx had it.
#include <fmt/format.h>

#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/murmur.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

struct Part {
  uint32_t below = 0;  // hashes below this one; 0: all that are left
  Str value;
};

struct Split {
  const Script* source = nullptr;
  ArenaList<Part> parts;
};

bool fetch_split(const expr::Ctx& ctx, const expr::Arg* args, Value& out) {
  const Split& split = *static_cast<const Split*>(args[0].object);
  uint32_t hash = murmur2(split.source->eval(*ctx.txn));
  out = Value::of(Str{});
  for (const Part& p : split.parts)
    if (hash < p.below || p.below == 0) {
      out = Value::of(p.value);
      break;
    }
  return true;
}

// Hundredths of a percent of "12.34%"; 0 when it is not one.
uint32_t read_percent(Str text) {
  if (!text.ends_with('%')) return 0;
  text.remove_suffix(1);
  size_t dot = text.find('.');
  Str fraction = dot == Str::npos ? Str{} : text.substr(dot + 1);
  auto whole = parse_u64(text.substr(0, dot));
  if (!whole || *whole > 100 || fraction.size() > 2 || (dot != Str::npos && fraction.empty())) return 0;
  uint32_t n = static_cast<uint32_t>(*whole) * 100;
  if (fraction.empty()) return n;
  auto part = parse_u64(fraction);
  return part ? n + static_cast<uint32_t>(*part) * (fraction.size() == 1 ? 10 : 1) : 0;
}

void bind_split(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto* split = scope.arena.make<Split>();
  split->source = compile_script(scope.arena, scope.http->variables, d.arg(0).text, d.arg(0).where, scope.diag);
  uint32_t sum = 0;
  uint32_t below = 0;
  for (const Directive& line : d.block) {
    if (line.args() != 1)
      return refuse(scope, line.where, "invalid number of the split_clients parameters", "write: percent value;");
    uint32_t percent = line.name() == "*" ? 10000 - sum : read_percent(line.name());
    if (percent == 0 && line.name() != "*")
      return refuse(scope, line.where, fmt::format("invalid percent value \"{}\"", line.name()),
                    "such as 20% or 0.5%, or *");
    sum = line.name() == "*" ? 10000 : sum + percent;
    if (sum > 10000) return refuse(scope, line.where, "percent total is greater than 100%");
    below += static_cast<uint32_t>(percent * uint64_t{0xffffffff} / 10000);
    split->parts.push(scope.arena, {sum == 10000 ? 0 : below, scope.arena.dup(line.arg(0).text)});
  }
  define_variable(scope, d.arg(1), fetch_split, split);
}

const Row kTable[] = {
    {"split_clients", kHttp, 2, 2, Block::required, Inherit::none, bind_split, "string $variable { ... }",
     "a variable that divides clients into groups by percentages"},
};

}  // namespace

const Module kSplitClientsModule{"split_clients", 0, nullptr, kTable};

}  // namespace weir::nginx
