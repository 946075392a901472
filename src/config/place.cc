// See config/place.h. Called only when something is reported.
#include "config/place.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace weir::config {

Str text_at(const Where& where) {
  if (!where.source || where.line == 0 || where.column == 0) return {};
  Str rest = where.source->text;
  for (uint32_t i = 1; i < where.line; i++) cut(rest, '\n');
  return rest.substr(std::min<size_t>(where.column - 1, rest.size()));
}

Where inside(const Where& where, size_t offset, size_t length) {
  Where found = where;
  found.length = static_cast<uint32_t>(length);
  for (char c : text_at(where).substr(0, offset)) {
    found.column++;
    if (c != '\n') continue;
    found.line++;
    found.column = 1;
  }
  return found;
}

Diagnostics by_place(const Diagnostics& diag, const Tree& tree) {
  std::unordered_map<const Source*, size_t> order;
  for (const auto& source : tree.sources) order.emplace(source.get(), order.size());
  auto key = [&](const Diagnostic* d) {
    auto at = order.find(d->where.source);
    return std::tuple(at == order.end() ? order.size() : at->second, d->where.line ? d->where.line : UINT32_MAX,
                      d->where.column);
  };
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& d : diag.all()) sorted.push_back(&d);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Diagnostic* a, const Diagnostic* b) { return key(a) < key(b); });
  Diagnostics out;
  for (const Diagnostic* d : sorted) out.add(d->severity, d->where, d->text, d->remedy).product = d->product;
  return out;
}

}  // namespace weir::config
