#pragma once
// Configuration fragments: an nginx file that is meant to be included (a site, a snippet, a list of parameters) is
// judged where its words may stand. Used by `weir check` on a tree that was just read.
#include "config/tree.h"

namespace weir::tools {

// The blocks that the tree's top-level directives belong in, outermost first: {"http", "server"}. Empty for a whole
// configuration, and for words that stand in the main context.
std::vector<Str> infer_blocks(const config::Tree& tree);

// Puts the top level into these blocks. Places stay true; the blocks themselves have none.
void wrap(config::Tree& tree, const std::vector<Str>& blocks);

}  // namespace weir::tools
