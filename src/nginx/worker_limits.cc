// How the worker runs beside others: scheduling priority, core files, the processors of its shards (nginx's core module). Bound into
// model::Process; master/privileges.cc and master/worker.cc do it.
#include <fmt/format.h>

#include "nginx/core.h"
#include "nginx/modules.h"

namespace weir::nginx {
namespace {

model::Process& process(void* s) {
  return static_cast<Scope*>(s)->model.process;
}

void bind_priority(void* s, const Directive& d, const Row&) {
  Str text = d.arg(0).text;
  bool minus = text.starts_with('-');
  auto n = parse_u64(minus || text.starts_with('+') ? text.substr(1) : text);
  if (!n || *n > 20) return bad_value(*static_cast<Scope*>(s), d, 0, "a number from -20 to 20");
  process(s).priority = minus ? -static_cast<int>(*n) : static_cast<int>(*n);
}

void bind_core(void* s, const Directive& d, const Row&) {
  uint64_t size = 0;
  if (!parse_size(d.arg(0).text, size)) return bad_value(*static_cast<Scope*>(s), d, 0, "a size");
  process(s).rlimit_core = size;
}

void bind_directory(void* s, const Directive& d, const Row&) {
  process(s).working_directory = std::string(d.arg(0).text);
}

// A mask of ones and zeroes, the first processor last; spaces inside count for nothing.
bool parse_mask(Str text, CpuSet& out) {
  size_t bit = 0;
  for (size_t i = text.size(); i > 0; i--) {
    char c = text[i - 1];
    if (c == ' ') continue;
    if ((c != '0' && c != '1') || bit == CpuSet::kMost) return false;
    if (c == '1') out.add(bit);
    bit++;
  }
  return true;
}

// `auto` gives each shard a processor of its own, of those in the mask.
void spread(model::Process& p, const CpuSet& allowed) {
  for (size_t cpu = 0; cpu < CpuSet::kMost; cpu++) {
    if (!allowed.has(cpu)) continue;
    CpuSet one;
    one.add(cpu);
    p.cpus.push_back(one);
  }
}

void bind_affinity(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  model::Process& p = process(s);
  bool automatic = d.arg(0).text == "auto";
  if (automatic && d.args() > 2) return bad_value(scope, d, 2, "at most one mask after auto");
  if (automatic && d.args() == 1) return spread(p, CpuSet::usable());
  for (size_t i = automatic; i < d.args(); i++) {
    CpuSet mask;
    if (!parse_mask(d.arg(i).text, mask)) return bad_value(scope, d, i, "a mask of at most 1024 characters 0 and 1");
    if (automatic) return spread(p, mask);
    p.cpus.push_back(mask);
  }
  p.last_cpus_for_rest = true;
}

// As many masks as workers are expected; nginx only warns.
void check_masks(Scope& scope) {
  const model::Process& p = scope.model.process;
  if (!p.last_cpus_for_rest || p.cpus.size() == static_cast<size_t>(p.shards)) return;
  scope.diag.warning({},
                     "the number of \"worker_processes\" is not equal to the number of \"worker_cpu_affinity\" masks",
                     "the last mask is used for the remaining ones");
}

const Row kTable[] = {
    {"worker_priority", kMain, 1, 1, Block::none, Inherit::none, bind_priority, "number",
     "scheduling priority, as for nice: -20 comes first, 20 last"},
    {"worker_rlimit_core", kMain, 1, 1, Block::none, Inherit::none, bind_core, "size", "largest core file"},
    {"working_directory", kMain, 1, 1, Block::none, Inherit::none, bind_directory, "directory",
     "where the worker is, and leaves core files"},
    {"worker_cpu_affinity", kMain, 1, -1, Block::none, Inherit::none, bind_affinity, "auto [mask] | mask ...",
     "binds shards to processors"},
};

}  // namespace

const Module kWorkerLimitsModule{"worker_limits", 0, nullptr, kTable, nullptr, nullptr, check_masks};

}  // namespace weir::nginx
