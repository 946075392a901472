// See nginx/host_table.h.
#include "nginx/host_table.h"

namespace weir::nginx {

HostTable::Added HostTable::put(Names::Table& table, std::string key, const void* value) {
  return table.emplace(std::move(key), value).second ? Added::ok : Added::conflict;
}

HostTable::Added HostTable::add(Str name, const void* value, bool wildcards) {
  std::string key;
  for (char c : name) key += lower(c);
  if (!wildcards) return put(names_.exact, std::move(key), value);
  size_t stars = 0;
  char before = 0;
  for (char c : key) {
    if (c == '*') stars++;
    if ((c == '.' && before == '.') || c == 0) return Added::invalid;
    before = c;
  }
  if (stars > 1 || key.size() < 2)
    return stars || key == "." ? Added::invalid : put(names_.exact, std::move(key), value);
  if (key[0] == '.') {
    if (stars) return Added::invalid;
    if (put(names_.exact, key.substr(1), value) == Added::conflict) return Added::conflict;
    return put(names_.heads, std::move(key), value);
  }
  if (!stars) return put(names_.exact, std::move(key), value);
  if (key.size() < 3) return Added::invalid;
  if (key.starts_with("*.")) return put(names_.heads, key.substr(1), value);
  if (key.ends_with(".*")) return put(names_.tails, key.substr(0, key.size() - 1), value);
  return Added::invalid;
}

}  // namespace weir::nginx
