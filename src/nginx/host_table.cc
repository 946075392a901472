// See nginx/host_table.h.
#include "nginx/host_table.h"

namespace weir::nginx {
namespace {

HostTable::Added added(bool fresh) {
  return fresh ? HostTable::Added::ok : HostTable::Added::conflict;
}

}  // namespace

HostTable::Added HostTable::add(Str name, const void* value, bool wildcards) {
  std::string key;
  for (char c : name) key += lower(c);
  if (!wildcards) return added(names_.exact.emplace(std::move(key), value).second);
  size_t stars = 0;
  char before = 0;
  for (char c : key) {
    if (c == '*') stars++;
    if ((c == '.' && before == '.') || c == 0) return Added::invalid;
    before = c;
  }
  if (stars > 1 || key.size() < 2)
    return stars || key == "." ? Added::invalid : added(names_.exact.emplace(std::move(key), value).second);
  if (key[0] == '.') {
    if (stars) return Added::invalid;
    if (added(names_.exact.emplace(key.substr(1), value).second) == Added::conflict) return Added::conflict;
    return added(names_.add_head(std::move(key), value).second);
  }
  if (!stars) return added(names_.exact.emplace(std::move(key), value).second);
  if (key.size() < 3) return Added::invalid;
  if (key.starts_with("*.")) return added(names_.add_head(key.substr(1), value).second);
  if (key.ends_with(".*")) return added(names_.add_tail(key.substr(0, key.size() - 1), value).second);
  return Added::invalid;
}

}  // namespace weir::nginx
