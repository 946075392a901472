#pragma once
// Working with places in sources: the text at one, places inside words, and diagnostics in the order of the files.
#include "config/diag.h"
#include "config/tree.h"

namespace weir::config {

// The source's text from the place on; empty behind its end.
Str text_at(const Where& where);
// The `length` bytes that stand `offset` bytes behind the place, as a place of their own.
Where inside(const Where& where, size_t offset, size_t length);
// The same diagnostics sorted by file (in the order of reading), line and column; those without a place come last.
Diagnostics by_place(const Diagnostics& diag, const Tree& tree);

}  // namespace weir::config
