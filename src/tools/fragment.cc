// See tools/fragment.h. Each candidate context is scored by how many of the fragment's words, blocks inside included,
// may stand there; the first of the best wins.
#include "tools/fragment.h"

#include <algorithm>

#include "nginx/context.h"
#include "nginx/nginx.h"

namespace weir::tools {
namespace {

using config::ContextMask;
using config::Directive;
namespace ng = nginx;

struct Candidate {
  ContextMask context;
  std::vector<Str> blocks;
};

const std::vector<Candidate>& candidates() {
  static const std::vector<Candidate> all = {
      {ng::kHttp, {"http"}},
      {ng::kServer, {"http", "server"}},
      {ng::kLocation, {"http", "server", "location"}},
      {ng::kUpstream, {"http", "upstream"}},
      {ng::kTypes, {"http", "types"}},
      {ng::kMain, {}},
      {ng::kEvents, {"events"}},
      {ng::kStream, {"stream"}},
      {ng::kStreamServer, {"stream", "server"}},
      {ng::kStreamUpstream, {"stream", "upstream"}},
      {ng::kMail, {"mail"}},
      {ng::kMailServer, {"mail", "server"}},
  };
  return all;
}

ContextMask inside(ContextMask context, Str block) {
  struct Step {
    ContextMask outer;
    Str block;
    ContextMask inner;
  };
  static constexpr Step kSteps[] = {
      {ng::kMain, "http", ng::kHttp},
      {ng::kMain, "events", ng::kEvents},
      {ng::kMain, "stream", ng::kStream},
      {ng::kMain, "mail", ng::kMail},
      {ng::kHttp, "server", ng::kServer},
      {ng::kHttp, "upstream", ng::kUpstream},
      {ng::kHttp, "types", ng::kTypes},
      {ng::kServer, "location", ng::kLocation},
      {ng::kServer, "types", ng::kTypes},
      {ng::kLocation, "types", ng::kTypes},
      {ng::kServer, "if", ng::kIfInServer},
      {ng::kLocation, "location", ng::kLocation},
      {ng::kLocation, "if", ng::kIfInLocation},
      {ng::kLocation, "limit_except", ng::kLimitExcept},
      {ng::kStream, "server", ng::kStreamServer},
      {ng::kStream, "upstream", ng::kStreamUpstream},
      {ng::kMail, "server", ng::kMailServer},
  };
  for (const Step& s : kSteps)
    if (s.outer == context && s.block == block) return s.inner;
  return 0;
}

bool fits(const Directive& d, ContextMask context) {
  if (context == ng::kTypes) return !d.has_block && d.name().find('/') != Str::npos;
  size_t used = 0;
  for (const config::Row* row : ng::index().find(d, used))
    if ((row->contexts & context) &&
        (row->block == config::Block::optional || (row->block == config::Block::required) == d.has_block))
      return true;
  return false;
}

size_t score(const Directive& d, ContextMask context) {
  if (!fits(d, context)) return 0;
  size_t points = 1;
  if (ContextMask inner = inside(context, d.name()))
    for (const Directive& child : d.block) points += score(child, inner);
  return points;
}

}  // namespace

std::vector<Str> infer_blocks(const config::Tree& tree) {
  const Candidate* best = nullptr;
  size_t best_points = 0;
  for (const Candidate& c : candidates()) {
    size_t points = 0;
    for (const Directive& d : tree.root.block) points += score(d, c.context);
    if (points > best_points) best = &c, best_points = points;
  }
  return best ? best->blocks : std::vector<Str>();
}

void wrap(config::Tree& tree, const std::vector<Str>& blocks) {
  for (auto name = blocks.rbegin(); name != blocks.rend(); ++name) {
    Directive outer;
    outer.has_block = true;
    outer.words.push_back({*name, config::Quote::none, {}});
    if (*name == "location") outer.words.push_back({"/", config::Quote::none, {}});
    if (*name == "upstream") outer.words.push_back({"fragment", config::Quote::none, {}});
    outer.block.swap(tree.root.block);
    tree.root.block.push_back(std::move(outer));
  }
  bool has_events = std::any_of(tree.root.block.begin(), tree.root.block.end(),
                                [](const Directive& d) { return d.name() == "events"; });
  if (has_events) return;
  Directive events;
  events.has_block = true;
  events.words.push_back({"events", config::Quote::none, {}});
  tree.root.block.push_back(std::move(events));
}

}  // namespace weir::tools
