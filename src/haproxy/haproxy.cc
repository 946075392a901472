// See haproxy/haproxy.h.
#include "haproxy/haproxy.h"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "haproxy/bind.h"
#include "haproxy/exchange.h"
#include "haproxy/global.h"
#include "haproxy/lua.h"
#include "haproxy/planned_place.h"
#include "haproxy/resolve.h"

namespace weir::haproxy {
namespace {

Global& make_global(model::Model& model) {
  auto* g = model.arena.own<Global>();
  model.haproxy = g;
  return *g;
}

Scope scope_for(model::Model& model, Global& g, config::Diagnostics& diag, const model::LoadOptions& options) {
  return Scope{model, diag, options, model.arena, g};
}

// Words outside of sections: HAProxy reads them as unknown ones of no section.
void report_stray(Scope& scope, const Directive& d) {
  Str near = config::nearest(d.name(), index().names(kTop));
  scope.error(d.where, fmt::format("'{}' stands before the first section", d.name()),
              near.empty() ? std::string("open a section first") : fmt::format("did you mean '{}'?", near),
              fmt::format("unknown keyword '{}' out of section.", d.name()));
}

void bind_sections(Scope& scope, const std::vector<const config::Directive*>& sections) {
  scope.context = kTop;
  for (const config::Directive* d : sections) {
    if (d->has_block)
      bind_directive(scope, *d);
    else
      report_stray(scope, *d);
  }
  limit_threads(scope);
  Global& g = scope.global;
  if (!g.log_hostname_on || !g.log_hostname.empty()) return;
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) == 0) g.log_hostname = scope.keep(name);
}

}  // namespace

const Global& global(const model::Model& model) {
  return *static_cast<const Global*>(model.haproxy);
}

void bind_into(model::Model& model, const std::vector<const config::Directive*>& sections, config::Diagnostics& diag,
               const model::LoadOptions& options) {
  install_hooks();
  begin_lua(model.arena, options.offline);
  Scope scope = scope_for(model, make_global(model), diag, options);
  scope.global.patterns.offline = options.offline;
  bind_sections(scope, sections);
  make_pools(scope);
}

void finish_into(model::Model& model, config::Diagnostics& diag, const model::LoadOptions& options) {
  if (!model.haproxy) return;
  Scope scope = scope_for(model, *static_cast<Global*>(const_cast<void*>(model.haproxy)), diag, options);
  resolve(scope);
  prepare_lua(scope);
  if (options.allow_planned) close_planned(scope);
}

std::unique_ptr<model::Model> load(std::unique_ptr<config::Tree> tree, config::Diagnostics& diag,
                                   const model::LoadOptions& options) {
  auto model = std::make_unique<model::Model>();
  model->tree = std::move(tree);
  model->process.master = false;
  model->process.max_reloads = 50;
  model->process.accepts = 4;
  model->process.stall_ms = 100;
  model->process.shards = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<const config::Directive*> sections;
  for (const config::Directive& d : model->tree->root.block) sections.push_back(&d);
  bind_into(*model, sections, diag, options);
  finish_into(*model, diag, options);
  return model;
}

}  // namespace weir::haproxy
