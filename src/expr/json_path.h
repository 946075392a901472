#pragma once
// One value out of a JSON text by its path, without building a tree: `$.a.b[2]`, `$['key.with.dots']`, `$.my\.key`.
#include "base/arena.h"
#include "base/str.h"

namespace weir::expr {

enum class JsonType : uint8_t { none, null, boolean, number, string, array, object };

struct JsonValue {
  JsonType type = JsonType::none;
  Str text;  // as it stands in the input; of a string without its quotes, still escaped
};

// `path` must start with `$`. Type none: nothing is there, or the JSON is broken up to there.
JsonValue find_json(Str json, Str path);
// The characters of a JSON string's inside, \u escapes as UTF-8. False for a broken escape.
bool unescape_json(Str inside, Arena& arena, Str& out);

}  // namespace weir::expr
