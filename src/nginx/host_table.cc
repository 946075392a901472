// Look-up of names and masks; see nginx/host_table.h.
#include "nginx/host_table.h"

namespace weir::nginx {

HostTable::Added HostTable::put(Table& table, std::string key, const void* value) {
  return table.emplace(std::move(key), value).second ? Added::ok : Added::conflict;
}

HostTable::Added HostTable::add(Str name, const void* value, bool wildcards) {
  std::string key;
  for (char c : name) key += lower(c);
  if (!wildcards) return put(exact_, std::move(key), value);
  size_t stars = 0;
  char before = 0;
  for (char c : key) {
    if (c == '*') stars++;
    if ((c == '.' && before == '.') || c == 0) return Added::invalid;
    before = c;
  }
  if (stars > 1 || key.size() < 2) return stars || key == "." ? Added::invalid : put(exact_, std::move(key), value);
  if (key[0] == '.') {
    if (stars) return Added::invalid;
    if (put(exact_, key.substr(1), value) == Added::conflict) return Added::conflict;
    return put(heads_, std::move(key), value);
  }
  if (!stars) return put(exact_, std::move(key), value);
  if (key.size() < 3) return Added::invalid;
  if (key.starts_with("*.")) return put(heads_, key.substr(1), value);
  if (key.ends_with(".*")) return put(tails_, key.substr(0, key.size() - 1), value);
  return Added::invalid;
}

const void* HostTable::find(Str name) const {
  if (auto it = exact_.find(name); it != exact_.end()) return it->second;
  if (!heads_.empty())
    for (size_t dot = name.find('.', 1); dot != Str::npos; dot = name.find('.', dot + 1))
      if (auto it = heads_.find(name.substr(dot)); it != heads_.end()) return it->second;
  if (!tails_.empty())
    for (size_t dot = name.rfind('.'); dot != Str::npos && dot > 0; dot = name.rfind('.', dot - 1))
      if (auto it = tails_.find(name.substr(0, dot + 1)); it != tails_.end()) return it->second;
  return nullptr;
}

}  // namespace weir::nginx
