// See tools/check.h. Results go to standard output: they are what was asked for.
#include "tools/check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/include.h"
#include "config/place.h"
#include "config/planned.h"
#include "tools/fragment.h"
#include "tools/load.h"
#include "tools/nginx_paths.h"

namespace weir::tools {
namespace {

using config::Diagnostic;
using config::Dialect;
using config::Severity;

Dialect recognise_file(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return Dialect::haproxy;
  config::Tree tree;
  int error = 0;
  const config::Source* source = path == "-" ? nullptr : config::load_source(tree, path, error);
  return source ? config::recognise(source->text) : Dialect::nginx;
}

LoadRequest make_request(const CheckOptions& o, const std::string& path) {
  LoadRequest r;
  if (o.dialect.empty() || !parse_dialect(o.dialect, r.dialect)) r.dialect = recognise_file(path);
  r.files = {path};
  r.read.offline = o.offline;
  r.read.conf_dir = config::folder_of(path);
  r.read.prefix = prefix_for(path);
  r.options.offline = o.offline;
  r.options.check_only = true;
  r.options.prefix = r.read.prefix;
  // The file is judged as its own product would.
  r.options.face = r.dialect;
  if (r.dialect == Dialect::nginx) r.adapt = [](config::Tree& tree) { wrap(tree, infer_blocks(tree)); };
  return r;
}

std::string place(const config::Where& where) {
  return where.source ? fmt::format(" ({}:{}:{})", where.source->path, where.line, where.column) : std::string();
}

void print_text(const std::string& path, const config::Diagnostics& diag, bool refused, bool colour) {
  for (const Diagnostic& d : diag.all()) {
    if (d.severity == Severity::planned)
      fmt::print("not yet: {}{}\n", config::planned_word(d), place(d.where));
    else
      fmt::print("{}", config::render(d, colour));
  }
  size_t errors = diag.count(Severity::error);
  size_t planned = diag.count(Severity::planned);
  std::string counts = fmt::format("{} error{}, {} warning{}", errors, errors == 1 ? "" : "s",
                                   diag.count(Severity::warning), diag.count(Severity::warning) == 1 ? "" : "s");
  if (planned > 0) counts += fmt::format(", {} not yet built", planned);
  fmt::print("{}: {} ({})\n", path, refused ? "refused" : "accepted", counts);
}

// Nothing was written in it; what a fragment was wrapped in has no place.
bool is_empty(const config::Tree& tree) {
  return std::none_of(tree.root.block.begin(), tree.root.block.end(),
                      [](const config::Directive& d) { return d.where.source; });
}

bool listens_nowhere(const CheckOptions& o, const Loaded& loaded) {
  if (loaded.diag->failed()) return false;
  if (o.strict) return loaded.model->listeners.empty();
  return !o.offline && is_empty(*loaded.model->tree);
}

}  // namespace

bool parse_dialect(const std::string& text, Dialect& out) {
  if (text == "nginx")
    out = Dialect::nginx;
  else if (text == "haproxy")
    out = Dialect::haproxy;
  else if (text == "weir")
    out = Dialect::weir;
  else
    return false;
  return true;
}

int check(const CheckOptions& o) {
  bool colour = isatty(STDOUT_FILENO);
  bool refused = false;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const std::string& path : o.files) {
    Loaded loaded = load(make_request(o, path));
    if (listens_nowhere(o, loaded)) loaded.diag->error({}, kListensNowhere);
    config::Diagnostics diag = config::by_place(*loaded.diag, *loaded.model->tree);
    bool bad = !loaded.good(o.allow_planned || !o.strict);
    refused |= bad;
    if (!o.json) {
      print_text(path, diag, bad, colour);
      continue;
    }
    for (auto& one : nlohmann::ordered_json::parse(config::render_json(diag))) all.push_back(std::move(one));
  }
  if (o.json) fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return refused ? 1 : 0;
}

}  // namespace weir::tools
