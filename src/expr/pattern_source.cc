// Where patterns come from: files, words of the configuration, and changes at run time.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unordered_set>

#include "expr/pattern.h"

namespace weir::expr {
namespace {

Str trim_right(Str s) {
  size_t last = s.find_last_not_of(" \t");
  return s.substr(0, last == Str::npos ? 0 : last + 1);
}

void read_line(Str line, bool map, int number, std::vector<PatternSet::Text>& out) {
  if (line.starts_with('#')) return;
  line = line.substr(0, line.find('\r'));
  size_t begin = line.find_first_not_of(" \t");
  if (begin == Str::npos) return;
  line.remove_prefix(begin);
  if (!map) {
    out.push_back({std::string(line), {}, number});
    return;
  }
  size_t end = std::min(line.find_first_of(" \t"), line.size());
  Str value = trim(line.substr(end));
  out.push_back({std::string(line.substr(0, end)), std::string(trim_right(value)), number});
}

}  // namespace

bool read_patterns(Str file, bool map, std::vector<PatternSet::Text>& out, std::string& error) {
  if (file.starts_with("virt@")) return true;
  bool optional = file.starts_with("opt@");
  if (optional || file.starts_with("file@")) file = file.substr(file.find('@') + 1);
  std::ifstream in{std::string(file), std::ios::binary};
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in && !(text.str().empty() && in.eof())) {
    if (optional) return true;
    error = fmt::format("failed to open pattern file <{}>: {}", file, strerror(errno));
    return false;
  }
  std::string all = text.str();
  int number = 0;
  for (Str rest = all; !rest.empty();) read_line(cut(rest, '\n'), map, ++number, out);
  return true;
}

void PatternSource::used_by(Str what, Str file, uint32_t line) {
  if (description.empty())
    description = fmt::format("pattern loaded from file '{}' used by {} at file '{}' line {}", name, what, file, line);
  else
    description += fmt::format(", by {} at file '{}' line {}", what, file, line);
}

PatternList* PatternSource::list(Method method, bool icase, bool resolve, Type values, std::string& error) {
  for (auto& l : lists)
    if (l->method == method && l->icase == icase && l->values == values) return l.get();
  size_t bad = 0;
  auto set = PatternSet::build({method, icase, resolve, values}, texts, error, bad);
  if (!set) {
    if (!name.empty()) error = fmt::format("{} at line {} of file '{}'", error, texts[bad].line, name);
    return nullptr;
  }
  auto l = std::make_unique<PatternList>();
  l->method = method;
  l->icase = icase;
  l->values = values;
  l->now.store(set.get(), std::memory_order_release);
  sets.push_back(std::move(set));
  return lists.emplace_back(std::move(l)).get();
}

bool PatternSource::publish(std::vector<std::unique_ptr<const PatternSet>>& old, std::string& error) {
  std::vector<std::unique_ptr<const PatternSet>> fresh;
  for (auto& l : lists) {
    size_t bad = 0;
    auto set = PatternSet::build({l->method, l->icase, false, l->values}, texts, error, bad);
    if (!set) return false;
    fresh.push_back(std::move(set));
  }
  for (size_t i = 0; i < lists.size(); i++) lists[i]->now.store(fresh[i].get(), std::memory_order_release);
  for (auto& s : sets) old.push_back(std::move(s));
  sets = std::move(fresh);
  return true;
}

PatternSource* PatternSources::add(std::string name) {
  auto source = std::make_unique<PatternSource>();
  source->name = std::move(name);
  source->id = -1;
  PatternSource* added = all_.emplace_back(std::move(source)).get();
  if (!added->name.empty()) by_name_.emplace(added->name, added);
  return added;
}

PatternSource* PatternSources::file(Str name, bool map, std::string& error) {
  if (PatternSource* known = find(name)) {
    if (known->is_map == map) return known;
    error = fmt::format("The file \"{}\" is already used as {} column file and cannot be used as {} column file", name,
                        known->is_map ? "two" : "one", map ? "two" : "one");
    return nullptr;
  }
  std::vector<PatternSet::Text> texts;
  if (!read_patterns(name, map, texts, error)) {
    if (!offline) return nullptr;
    error.clear();
    absent.emplace_back(name);
  }
  PatternSource* source = add(std::string(name));
  source->is_map = map;
  source->texts = std::move(texts);
  return source;
}

PatternSource* PatternSources::find(Str name) const {
  auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

PatternSource* PatternSources::find(int id) const {
  for (auto& s : all_)
    if (s->id == id) return s.get();
  return nullptr;
}

void PatternSources::assign_ids() {
  std::unordered_set<int> taken;
  for (auto& s : all_) taken.insert(s->id);
  int next = 0;
  for (auto& s : all_) {
    if (s->id >= 0) continue;
    while (taken.contains(next)) next++;
    s->id = next++;
  }
}

}  // namespace weir::expr
