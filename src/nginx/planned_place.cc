// See nginx/planned_place.h. A word inside a location closes the location, one in a server the server, one elsewhere in
// http (maps, upstreams, log formats: whoever uses them) all servers. An `if` closes the level around it, because its
// rewrite directives run there.
#include "nginx/planned_place.h"

#include <fmt/format.h>

#include <unordered_map>

#include "config/planned.h"
#include "nginx/error_log.h"
#include "nginx/error_page.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using Blocks = std::unordered_map<const Directive*, Level*>;

Blocks blocks_of(const Http& http) {
  Blocks out;
  for (ServerBlock* s : http.servers) out.emplace(s->directive, &s->level);
  for (Level* level : http.levels) {
    if (level->context != kLocation && level->context != kLimitExcept) continue;
    if (const Directive* d = static_cast<Location*>(level)->directive) out.emplace(d, level);
  }
  return out;
}

// The innermost level around a word; null where the word belongs to another dialect's section.
Level* level_around(Scope& scope, const config::PlannedWord& word, const Blocks& blocks) {
  if (!word.path.empty() && word.path[0]->dialect == config::Dialect::haproxy) return nullptr;
  for (size_t i = word.path.size(); i > 0; i--)
    if (auto it = blocks.find(word.path[i - 1]); it != blocks.end()) return it->second;
  return &scope.http->level;
}

std::string name_of(const Level& level) {
  if (level.context == kHttp) return "every server";
  if (level.context == kServer) return "this server";
  return fmt::format("location \"{}\"", static_cast<const Location&>(level).name);
}

}  // namespace

void close_planned(Scope& scope) {
  Blocks blocks = blocks_of(*scope.http);
  for (const config::PlannedWord& word : config::find_planned(*scope.model.tree, scope.diag)) {
    Level* level = level_around(scope, word, blocks);
    if (!level || level->planned) continue;
    auto* planned = scope.arena.make<Planned>();
    *planned = {scope.arena.dup(word.word), word.where};
    level->planned = planned;
    scope.diag.warning(word.where, fmt::format("{} answers 501 to every request: \"{}\" is not built yet",
                                               name_of(*level), word.word));
  }
  for (Level* level : scope.http->levels)
    if (!level->planned && level->parent) level->planned = level->parent->planned;
}

proxy::Next answer_planned(proxy::Transaction& txn, proxy::Cursor&, const void* conf) {
  const auto& p = *static_cast<const Planned*>(conf);
  log_error(&txn, LogLevel::error, 0,
            fmt::format("\"{}\" in {}:{} is not built yet", p.word, p.where.source ? p.where.source->path : "",
                        p.where.line));
  return answer_plainly(txn, 501);
}

}  // namespace weir::nginx
