#pragma once
// Where a configuration comes from: files kept in memory while it is read, and places in them.
// A Source lives as long as the Tree that was lexed from it.
#include <cstdint>
#include <string>

#include "base/str.h"

namespace weir::config {

struct Source {
  std::string path;  // as the user named it, or "-" for standard input
  std::string text;  // the bytes as read

  // Line `n` (1-based) without its line end; empty when there is none.
  Str line(uint32_t n) const;
};

// The name of the source of `nginx -g`; it is no file, so dump() leaves it out.
inline constexpr Str kCommandLine = "command line";

struct Where {
  const Source* source = nullptr;
  uint32_t line = 0;    // 1-based
  uint32_t column = 0;  // 1-based, in bytes
  uint32_t length = 1;  // bytes of the word that is meant, for the underline
};

// The place of what `problem` quotes (") first, where that is a word of the same line; else `at`.
Where quoted_place(const Where& at, Str problem);

}  // namespace weir::config
