// `cpu-map` of the global section: which processors the shards may run on (configuration.txt 3.1).
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

struct Range {
  uint64_t from = 0, to = 0;
};

// "N" or "N-M" or "N-", which ends at `most`.
bool parse_range(Str text, uint64_t most, Range& out) {
  size_t dash = text.find('-');
  auto from = parse_u64(text.substr(0, dash));
  if (!from) return false;
  out = {*from, *from};
  if (dash != Str::npos) {
    Str end = text.substr(dash + 1);
    auto to = parse_u64(end);
    if (!end.empty() && !to) return false;
    out.to = end.empty() ? most : *to;
  }
  return out.from <= out.to && out.to <= most;
}

// Threads by number from 1 on: "all", "odd", "even" or a range.
bool parse_threads(Str text, std::vector<bool>& out) {
  size_t most = out.size();
  Range range{1, most};
  bool named = text == "all" || text == "odd" || text == "even";
  if (!named && (!parse_range(text, most, range) || range.from == 0)) return false;
  for (uint64_t n = range.from; n <= range.to; n++)
    if ((text != "odd" || n % 2 == 1) && (text != "even" || n % 2 == 0)) out[n - 1] = true;
  return true;
}

bool parse_cpus(Str text, std::vector<size_t>& out) {
  while (!text.empty()) {
    Range range;
    if (!parse_range(cut(text, ','), CpuSet::kMost - 1, range)) return false;
    for (uint64_t n = range.from; n <= range.to; n++) out.push_back(n);
  }
  return !out.empty();
}

constexpr size_t kMostThreads = 256;

void bind_cpu_map(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  Str threads = args[0].text;
  bool spread = threads.starts_with("auto:");
  if (spread) threads.remove_prefix(5);
  // What were processes are threads of the one group now.
  bool processes = scope.global.processes_given && threads.find('/') == Str::npos;
  Str group = processes ? Str("1") : cut(threads, '/');
  // Shards are one group. A set without a slash names groups, and all of their threads.
  std::vector<bool> chosen(kMostThreads);
  bool good = group == "1" || group == "all" || group == "odd" || group.starts_with("1-");
  if (!good || !parse_threads(threads.empty() ? Str("all") : threads, chosen)) {
    scope.error(args[0].where, fmt::format("'{}' names no threads here", args[0].text),
                "write 1/all, 1/1-4, 1/odd or 1/even: weir has one thread group");
    return;
  }
  std::vector<size_t> cpus;
  for (const Word& word : args.subspan(1))
    if (!parse_cpus(word.text, cpus)) {
      scope.error(word.where, fmt::format("'{}' is no set of processors", word.text),
                  "write numbers and ranges: 0-3,8");
      return;
    }
  auto& sets = scope.model.process.cpus;
  if (sets.empty()) sets.resize(kMostThreads);
  size_t next = 0;
  for (size_t i = 0; i < kMostThreads; i++) {
    if (!chosen[i]) continue;
    sets[i] = {};
    if (spread)
      sets[i].add(cpus[next++ % cpus.size()]);
    else
      for (size_t cpu : cpus) sets[i].add(cpu);
  }
}

constexpr Row kRows[] = {
    {"cpu-map", kGlobal, 2, -1, Block::none, Inherit::none, bind_cpu_map,
     "[auto:]<thread-group>[/<thread-set>] <cpu-set>[,...] [...]", "bind threads to processors"},
};

}  // namespace

const config::Table kCpuMapTable = kRows;

}  // namespace weir::haproxy
