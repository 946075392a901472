// See nginx/zone_names.h.
#include "nginx/zone_names.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "nginx/define.h"

namespace weir::nginx {
namespace {

struct ZoneNames {
  std::map<std::string, Str, std::less<>> uses;
};
const Module kZoneNames{"zone names"};

}  // namespace

bool claim_zone(Scope& scope, const config::Word& word, Str name, Str use) {
  auto [known, fresh] = scope.main<ZoneNames>(kZoneNames).uses.emplace(name, scope.arena.dup(use));
  if (fresh || known->second == use) return true;
  refuse(scope, word.where, fmt::format("the shared memory zone \"{}\" is already declared for a different use", name),
         fmt::format("give it another name: it is one of \"{}\"", known->second));
  return false;
}

}  // namespace weir::nginx
