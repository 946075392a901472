// See tools/load.h.
#include "tools/load.h"

#include "base/shared_records.h"
#include "config/include.h"
#include "config/sections.h"
#include "haproxy/haproxy.h"
#include "nginx/error_log.h"
#include "nginx/nginx.h"
#include "stats/counters.h"
#include "stats/standing.h"
#include "tools/both_worlds.h"

namespace weir::tools {
namespace {

using config::Dialect;

void read(config::Tree& tree, config::Diagnostics& diag, const LoadRequest& request) {
  if (request.dialect == Dialect::haproxy) {
    config::read_lines(tree, diag, request.files, haproxy_predicates(), request.read);
    return;
  }
  if (!request.globals.empty())
    config::read_brace_text(tree, diag, std::string(config::kCommandLine), request.globals, request.dialect,
                            request.read);
  const std::string& path = request.files.empty() ? std::string() : request.files[0];
  if (!request.text.empty())
    config::read_brace_text(tree, diag, path, request.text, request.dialect, request.read);
  else
    config::read_brace(tree, diag, path, request.dialect, request.read);
}

std::unique_ptr<model::Model> bind_both(std::unique_ptr<config::Tree> tree, config::Diagnostics& diag,
                                        const model::LoadOptions& options) {
  auto model = std::make_unique<model::Model>();
  model->tree = std::move(tree);
  std::vector<const config::Directive*> nginx_words, haproxy_sections;
  for (const config::Directive& d : model->tree->root.block)
    (config::is_section(d.name()) && d.dialect == Dialect::haproxy ? haproxy_sections : nginx_words).push_back(&d);
  // HAProxy's pools exist first, so that proxy_pass finds them; use_backend meets upstreams at the end.
  if (!haproxy_sections.empty()) haproxy::bind_into(*model, haproxy_sections, diag, options);
  if (!nginx_words.empty()) nginx::bind_into(*model, nginx_words, diag, options);
  find_shared_names(haproxy_sections, nginx_words, diag);
  haproxy::finish_into(*model, diag, options);
  find_shared_addresses(*model, diag);
  return model;
}

}  // namespace

bool Loaded::good(bool allow_planned) const {
  return model && !diag->failed() && (allow_planned || diag->count(config::Severity::planned) == 0);
}

Loaded load(const LoadRequest& request) {
  SharedRecords::begin_load();
  stats::share_counters();
  stats::share_process_standing();
  Loaded out;
  out.diag = std::make_unique<config::Diagnostics>();
  auto tree = std::make_unique<config::Tree>();
  read(*tree, *out.diag, request);
  if (request.adapt) request.adapt(*tree);
  switch (request.dialect) {
    case Dialect::nginx: out.model = nginx::load(std::move(tree), *out.diag, request.options); break;
    case Dialect::haproxy: out.model = haproxy::load(std::move(tree), *out.diag, request.options); break;
    case Dialect::weir: out.model = bind_both(std::move(tree), *out.diag, request.options); break;
  }
  if (request.finish) request.finish(out);
  nginx::settle_error_log(out.good(request.options.allow_planned));
  return out;
}

}  // namespace weir::tools
