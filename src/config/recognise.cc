// Guessing a file's dialect from its content (config/lexer.h). Called for a file whose dialect nobody named.
#include <algorithm>

#include "config/lexer.h"
#include "config/sections.h"

namespace weir::config {
namespace {

struct Signs {
  size_t line_sections = 0;   // `frontend web`, at a line's start outside all braces
  size_t brace_sections = 0;  // `frontend web {`
  size_t brace_lines = 0;     // lines that end with `;` or `{`, or with a `}` that is no ACL's
  size_t other_lines = 0;
  // Only weir.conf has both outside all braces: nginx's servers stand in http.
  bool process_words = false;
  bool server_blocks = false;
  bool own_words = false;  // weir's
};

constexpr Str kProcessWords[] = {"daemon",
                                 "events",
                                 "master_process",
                                 "pid",
                                 "user",
                                 "worker_cpu_affinity",
                                 "worker_priority",
                                 "worker_processes",
                                 "worker_rlimit_core",
                                 "worker_rlimit_nofile",
                                 "worker_shutdown_timeout",
                                 "working_directory"};

// The line up to a comment, and how much deeper in braces its end is than its start.
Str code_of(Str line, int& depth) {
  char quote = 0;
  bool word_start = true;
  for (size_t i = 0; i < line.size(); i++) {
    char c = line[i];
    if (c == '\\') {
      i++;
    } else if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '#' && word_start) {
      return trim(line.substr(0, i));
    } else if ((c == '"' || c == '\'') && word_start) {
      quote = c;
    } else if (c == '{') {
      depth++;
    } else if (c == '}') {
      depth--;
    }
    word_start = c == ' ' || c == '\t' || c == ';' || c == '{' || c == '(';
  }
  return trim(line);
}

// Whether `text` (the lines after a section's name) starts with a `{`.
bool brace_follows(Str text) {
  size_t at = text.find_first_not_of(" \t\r\n");
  return at != Str::npos && text[at] == '{';
}

void judge(Signs& signs, Str code, int depth_before, Str rest) {
  Str name = code.substr(0, code.find_first_of(" \t{;"));
  char last = code.back();
  if (depth_before <= 0 && is_section(name) && last != ';') {
    bool braced = code.find('{') != Str::npos || brace_follows(rest);
    (braced ? signs.brace_sections : signs.line_sections)++;
  }
  if (depth_before <= 0) {
    signs.own_words |= name == "workers" && last == ';';
    signs.process_words |= std::ranges::find(kProcessWords, name) != std::end(kProcessWords);
    signs.server_blocks |=
        (name == "server" || name == "upstream") && (code.find('{') != Str::npos || brace_follows(rest));
  }
  bool closes = last == '}' && (code.size() == 1 || code.find(';') != Str::npos);
  (last == ';' || last == '{' || closes ? signs.brace_lines : signs.other_lines)++;
}

}  // namespace

Dialect recognise(Str text) {
  Signs signs;
  int depth = 0;
  while (!text.empty()) {
    Str line = cut(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    int before = depth;
    Str code = code_of(line, depth);
    if (!code.empty()) judge(signs, code, before, text);
  }
  if (signs.brace_sections > 0 || signs.own_words) return Dialect::weir;
  if (signs.line_sections > 0 && signs.other_lines > signs.brace_lines) return Dialect::haproxy;
  if (signs.brace_lines == 0 && signs.other_lines > 0) return Dialect::haproxy;
  return signs.process_words && signs.server_blocks ? Dialect::weir : Dialect::nginx;
}

}  // namespace weir::config
