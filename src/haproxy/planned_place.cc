// See haproxy/planned_place.h. A closed proxy's segments are one step that answers.
#include "haproxy/planned_place.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/planned.h"
#include "haproxy/answer.h"
#include "haproxy/exchange.h"
#include "haproxy/haproxy.h"
#include "haproxy/personality.h"
#include "haproxy/traffic_log.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

struct Closed {
  Str proxy;
  Str word;
  Where where;
};

proxy::Next answer_planned(proxy::Transaction& txn, proxy::Cursor&, const void* conf) {
  const auto& c = *static_cast<const Closed*>(conf);
  const Exchange& x = exchange(txn);
  std::string line = fmt::format("{}: '{}' in {}:{} is not built yet: answered 501", c.proxy, c.word,
                                 c.where.source ? c.where.source->path : "", c.where.line);
  if (x.front) log_about(global(txn.shard.model), *x.front, kLevelError, line);
  txn.termination = {'P', 'R'};
  if (txn.tcp) return txn.drop(false);
  return answer(txn, page_for(txn, 501), context_for(txn));
}

void close_proxy(Scope& scope, Proxy& p, const config::PlannedWord& word) {
  auto* conf = scope.arena.make<Closed>();
  *conf = {p.name, scope.keep(word.word), word.where};
  ArenaList<proxy::Step> steps;
  steps.push(scope.arena, {answer_planned, conf, word.where});
  proxy::Segment closed{scope.keep(fmt::format("{} {}", kind_name(p.kind), p.name)), steps.data, steps.size, &p};
  p.front = p.entry = p.back = p.own = closed;
  p.closed = true;
}

bool starts_from(const Proxy& p, const Proxy& defaults) {
  for (const Proxy* from = p.from; from; from = from->from)
    if (from == &defaults) return true;
  return false;
}

struct Section {
  bool everywhere = false;
  const Proxy* section = nullptr;  // else
};

Section place_of(const Global& g, const config::PlannedWord& word) {
  if (word.path.empty()) return {true};
  const Directive& section = *word.path[0];
  if (section.dialect != config::Dialect::haproxy) return {};
  if (section.name() == "global" || section.name() == "userlist" || section.name() == "http-errors") return {true};
  for (const std::vector<Proxy*>* list : {&g.proxies, &g.all_defaults})
    for (const Proxy* p : *list)
      if (p->where.source == section.where.source && p->where.line == section.where.line &&
          p->where.column == section.where.column)
        return {false, p};
  return {};
}

std::string name_of(const Section& place) {
  if (place.everywhere) return "every proxy";
  if (place.section->kind == Kind::defaults) return "every proxy that starts from these defaults";
  Str kind = place.section->kind == Kind::listen ? Str("listen") : kind_name(place.section->kind);
  return fmt::format("{} '{}'", kind, place.section->name);
}

}  // namespace

void close_planned(Scope& scope) {
  Global& g = scope.global;
  std::vector<const Proxy*> told;
  bool told_of_all = false;
  for (const config::PlannedWord& word : config::find_planned(*scope.model.tree, scope.diag)) {
    Section place = place_of(g, word);
    if (!place.everywhere && !place.section) continue;
    for (Proxy* p : g.proxies)
      if (!p->closed && (place.everywhere || p == place.section || starts_from(*p, *place.section)))
        close_proxy(scope, *p, word);
    if (place.everywhere ? told_of_all : std::find(told.begin(), told.end(), place.section) != told.end()) continue;
    told_of_all |= place.everywhere;
    told.push_back(place.section);
    Str what = place.section && !place.section->http() ? "closes every connection" : "answers 501 to every request";
    scope.warning(word.where, fmt::format("{} {}: '{}' is not built yet", name_of(place), what, word.word));
  }
}

}  // namespace weir::haproxy
