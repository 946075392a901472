// The two functions of http/names.h over the tables of http/name_lookup.h.
#include "http/name_lookup.h"

namespace weir::http {

Name name_id(Str name) {
  return name_lookup::find(name);
}

Str name_text(Name id) {
  return id < Name::count_ ? name_lookup::kText[static_cast<size_t>(id)] : Str{};
}

}  // namespace weir::http
