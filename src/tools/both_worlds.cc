// See tools/both_worlds.h.
#include "tools/both_worlds.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace weir::tools {
namespace {

using config::Directive;

void each_upstream(const Directive& d, const std::map<Str, config::Where>& taken, config::Diagnostics& diag) {
  if (d.name() == "http")
    for (const Directive& inner : d.block) each_upstream(inner, taken, diag);
  if (d.name() != "upstream" || d.args() == 0) return;
  auto it = taken.find(d.arg(0).text);
  if (it == taken.end()) return;
  diag.error(d.arg(0).where, fmt::format("\"{}\" is a backend in line {} already", it->first, it->second.line),
             "give one of them another name: both vocabularies reach each other's pools");
}

}  // namespace

void find_shared_names(const std::vector<const Directive*>& haproxy_sections,
                       const std::vector<const Directive*>& nginx_words, config::Diagnostics& diag) {
  std::map<Str, config::Where> taken;
  for (const Directive* d : haproxy_sections)
    if ((d->name() == "backend" || d->name() == "listen") && d->args() > 0) taken.emplace(d->arg(0).text, d->where);
  for (const Directive* d : nginx_words) each_upstream(*d, taken, diag);
}

void find_shared_addresses(const model::Model& model, config::Diagnostics& diag) {
  auto of_proxy = [](const model::Listener& l) { return !l.owner.empty(); };
  for (const model::Listener* l : model.listeners) {
    if (of_proxy(*l) || l->fd >= 0) continue;
    auto other = std::ranges::find_if(
        model.listeners, [&](const model::Listener* o) { return of_proxy(*o) && o->fd < 0 && o->addr == l->addr; });
    if (other == model.listeners.end()) continue;
    diag.error(
        l->where,
        fmt::format("{} listens on {} in line {} already", (*other)->owner, l->addr.text(), (*other)->where.line),
        "keep one of them, or give it another port");
  }
}

}  // namespace weir::tools
