#pragma once
// The text side of the runtime socket: lines into commands, commands into words, durations. Pure functions.
#include <optional>
#include <string>
#include <vector>

#include "base/str.h"

namespace weir::control {

struct CommandLine {
  std::vector<std::string> commands;  // in order, at least one; may be empty texts
  bool payload = false;      // the last command ended in `<<WORD`, which is cut off
  std::string payload_end;   // WORD: the line that ends the payload, usually empty
};

// Takes the first line from `in`: commands are separated by `;` that no backslash precedes. False: no line end yet.
bool next_line(std::string& in, CommandLine& out);

// Blanks separate words; a backslash takes the next character as it is.
std::vector<std::string> split_words(Str command);

// "10s", "2m", "500" in units of `unit` ms (1 or 1000); rounded up to whole units. Nothing: no duration.
std::optional<uint64_t> parse_duration(Str text, uint32_t unit);

// How unlike two sequences of words are, by the pairs of neighbouring letters (HAProxy's measure for suggestions).
int word_distance(const std::vector<Str>& a, const std::vector<Str>& b);

}  // namespace weir::control
