#pragma once
// Text to directive tree. Two lexers, one tree; `read` chooses by dialect.
// Problems go to the Diagnostics with their place; reading goes on after each as far as it makes sense.
#include <functional>
#include <string>
#include <vector>

#include "config/diag.h"
#include "config/tree.h"

namespace weir::config {

struct ReadOptions {
  bool offline = false;  // `weir check --offline`: a missing include is a note; /etc/nginx/… is looked up beside `file`
  std::string prefix;  // nginx: what relative paths are relative to when not beside the including file
  std::string conf_dir;  // nginx: directory of the main file; `include` is relative to it
  // HAProxy: NAME or NAME=VALUE, on top of the process environment for `"$NAME"` and defined(NAME): what the program
  // itself provides (HAPROXY_BRANCH, HAPROXY_HTTP_LOG_FMT …).
  std::vector<std::string> defines;
  bool strict_last_line = false;  // HAProxy: a last line without LF is an error, as the product has it; else a warning
  bool keeps_peer = false;  // HAProxy -L: the name is that of the command line, whatever `localpeer` says
  bool diagnostic_mode = false;  // HAProxy -dD: `.diag` messages are notes; else they are not said
};

// Answers of the program to HAProxy's `.if` predicates and `-cc` (configuration.txt 2.4).
struct Predicates {
  std::function<bool(Str)> feature;  // feature(NAME)
  std::function<bool(Str)> version_atleast;  // version_atleast(X.Y-…)
  std::function<bool(Str)> version_before;
  std::function<bool(Str)> openssl_version_atleast;
  std::function<bool(Str)> openssl_version_before;
  std::function<bool(Str)> ssllib_name_startswith;
  std::function<bool(Str)> awslc_api_atleast;
  std::function<bool(Str)> awslc_api_before;
  std::function<bool(Str)> enabled;  // enabled(OPTION): POLL, EPOLL, …
};

// Appends the directives of `path` ("-": standard input) to tree.root.block.
void read_brace(Tree& tree, Diagnostics& diag, const std::string& path, Dialect dialect, const ReadOptions& options);
void read_brace_text(Tree& tree, Diagnostics& diag, const std::string& path, std::string text, Dialect dialect,
                     const ReadOptions& options);

// HAProxy: each `path` is a file or a directory (its *.cfg files in lexical order, as haproxy -f does). Sections become
// directives with a block; lines before the first section are children of the root.
void read_lines(Tree& tree, Diagnostics& diag, const std::vector<std::string>& paths, const Predicates& predicates,
                const ReadOptions& options);
void read_lines_text(Tree& tree, Diagnostics& diag, const std::string& path, std::string text,
                     const Predicates& predicates, const ReadOptions& options);

// `-cc CONDITION` and `.if CONDITION`: the truth of one condition, or an error text.
struct ConditionResult {
  bool ok = false;
  bool value = false;
  std::string error;
};
// `condition` is raw text: it is split into words first, with the process environment.
ConditionResult evaluate_condition(Str condition, const Predicates& predicates);

// Which dialect the text is written in, from its content: HAProxy sections at line starts without braces, nginx blocks,
// or both vocabularies in braces (weir).
Dialect recognise(Str text);

// nginx -T: the text of every file that was read, each once, in nginx's `# configuration file PATH:` form.
std::string dump(const Tree& tree);

}  // namespace weir::config
