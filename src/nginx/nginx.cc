// Loading: from the tree to the model; see nginx/nginx.h.
#include "nginx/nginx.h"

#include "nginx/bind.h"
#include "nginx/core.h"
#include "nginx/literal_pools.h"
#include "nginx/modules.h"
#include "nginx/server_tokens.h"

namespace weir::nginx {
namespace {

bool is_main_word(const config::Directive& d) {
  size_t used = 0;
  return index().find(d, kMain, used) != nullptr;
}

void defaults(model::Model& model, const model::LoadOptions& options) {
  if (options.face != config::Dialect::nginx) return;
  model.process.daemon = true;
  model.process.master = true;
  model.process.shards = 1;
  model.process.pid_file = options.pid_file.starts_with('/') ? options.pid_file : options.prefix + options.pid_file;
  model.process.max_conns = 512;
}

}  // namespace

void bind_into(model::Model& model, const std::vector<const config::Directive*>& directives, config::Diagnostics& diag,
               const model::LoadOptions& options) {
  add_builtin_variables();
  auto* http = model.arena.own<Http>();
  if (options.face == config::Dialect::nginx) {
    http->product = "nginx";
    http->product_version = kNginxToken;
  }
  http->literals = std::make_shared<LiteralPools>();
  model.nginx = http;
  Scope scope{model, diag, options, model.arena};
  scope.http = http;
  http->level.context = kHttp;
  (void)index();
  make_conf(model.arena, http->level);
  http->levels.push_back(&http->level);
  // Only weir.conf has http-level words (upstream, server …) at the top.
  std::vector<const config::Directive*> main, inner;
  for (const config::Directive* d : directives)
    (options.face == config::Dialect::nginx || is_main_word(*d) ? main : inner).push_back(d);
  bind_directives(scope, main);
  scope.context = kHttp;
  scope.level = &http->level;
  bind_directives(scope, inner);
  finish_http(scope);
}

std::unique_ptr<model::Model> load(std::unique_ptr<config::Tree> tree, config::Diagnostics& diag,
                                   const model::LoadOptions& options) {
  auto model = std::make_unique<model::Model>();
  model->tree = std::move(tree);
  defaults(*model, options);
  std::vector<const config::Directive*> all;
  for (const config::Directive& d : model->tree->root.block) all.push_back(&d);
  bind_into(*model, all, diag, options);
  if (model->tree->sources.empty()) return model;  // it could not be read, which was said
  bool events = false;
  for (const config::Directive* d : all) events |= d->name() == "events";
  if (!events && options.face == config::Dialect::nginx && !options.offline) {
    config::Where end;
    if (!model->tree->sources.empty()) end.source = model->tree->sources.front().get();
    auto& e = diag.error(end, "no \"events\" section in configuration", "add: events { }");
    e.product = "no \"events\" section in configuration";
  }
  return model;
}

}  // namespace weir::nginx
