#pragma once
// Texts and host name masks with values, as server_name, map, valid_referers and the like have them: exact names, ".example.com"
// and "*.example.com", "www.example.*" (ngx_hash_find_combined). Filled while binding, then only read.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/str.h"

namespace weir::nginx {

// T: a pointer.
template <class T>
struct HostNames {
  struct Hash {
    using is_transparent = void;
    size_t operator()(Str s) const { return std::hash<Str>()(s); }
  };
  using Table = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  Table exact;
  Table heads;  // "*.example.com" as ".example.com"; filled by add_head
  Table tails;  // "www.example.*" as "www.example."; by add_tail
  size_t longest_head = 0, longest_tail = 0;  // a client's name may be of any length: no more of it is looked at

  // As Table::emplace.
  auto add_head(std::string mask, T value) {
    longest_head = std::max(longest_head, mask.size());
    return heads.emplace(std::move(mask), value);
  }
  auto add_tail(std::string mask, T value) {
    longest_tail = std::max(longest_tail, mask.size());
    return tails.emplace(std::move(mask), value);
  }
  // `name` in lower case. Null when nothing fits; exact names come first, then the longest mask, those of a beginning last.
  T find(Str name) const {
    if (auto it = exact.find(name); it != exact.end()) return it->second;
    if (!heads.empty())
      for (size_t dot = name.find('.', first_of_heads(name)); dot != Str::npos; dot = name.find('.', dot + 1))
        if (auto it = heads.find(name.substr(dot)); it != heads.end()) return it->second;
    if (!tails.empty())
      for (size_t dot = name.rfind('.', longest_tail - 1); dot != Str::npos && dot > 0; dot = name.rfind('.', dot - 1))
        if (auto it = tails.find(name.substr(0, dot + 1)); it != tails.end()) return it->second;
    return nullptr;
  }
  size_t first_of_heads(Str name) const { return name.size() > longest_head ? name.size() - longest_head : 1; }
  bool empty() const { return exact.empty() && heads.empty() && tails.empty(); }
};

class HostTable {
 public:
  enum class Added : uint8_t { ok, invalid, conflict };

  // Case does not matter. With `wildcards`, names may be masks.
  Added add(Str name, const void* value, bool wildcards);
  // As of HostNames.
  const void* find(Str name) const { return names_.find(name); }
  bool empty() const { return names_.empty(); }

 private:
  HostNames<const void*> names_;
};

}  // namespace weir::nginx
