#pragma once
// Texts and host name masks with values, as map, valid_referers and the like have them: exact names, ".example.com" and
// "*.example.com", "www.example.*" (ngx_hash_find_combined). Filled while binding, then only read.
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/str.h"

namespace weir::nginx {

class HostTable {
 public:
  enum class Added : uint8_t { ok, invalid, conflict };

  // Case does not matter. With `wildcards`, names may be masks.
  Added add(Str name, const void* value, bool wildcards);
  // `name` in lower case. Null when nothing fits; exact names come first, then the longest mask.
  const void* find(Str name) const;
  bool empty() const { return exact_.empty() && heads_.empty() && tails_.empty(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(Str s) const { return std::hash<Str>()(s); }
  };
  using Table = std::unordered_map<std::string, const void*, Hash, std::equal_to<>>;
  static Added put(Table& table, std::string key, const void* value);

  Table exact_;
  Table heads_;  // "*.example.com" as ".example.com"
  Table tails_;  // "www.example.*" as "www.example."
};

}  // namespace weir::nginx
