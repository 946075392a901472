#pragma once
// types and default_type: which media type a file has. Also lists of media types, as filters have them.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kMimeModule;

// The media type for the URI in charge, by its extension, else default_type; may be empty.
Str content_type_of(proxy::Transaction& txn);

// sub_filter_types, gzip_types and the like: "text/html" always, more by configuration, "*" for all.
struct TypeList {
  ArenaList<Str> types;
  bool any = false;
  bool set = false;
  // `content_type` may have parameters.
  bool has(Str content_type) const;
};
// For rows: adds the words to the TypeList at row.offset.
void set_types(void* scope, const Directive& d, const Row& row);
void merge_types(TypeList& child, const TypeList& parent);

}  // namespace weir::nginx
