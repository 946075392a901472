#pragma once
// Tables behind acl.cc: keywords with their way of matching, and ACLs that every proxy knows. Configuration time only.
#include <array>
#include <span>

#include "haproxy/acl.h"

namespace weir::haproxy {

const AclKeyword* find_acl_keyword(Str name);

struct PredefinedAcl {
  Str name;
  std::array<Str, 3> words;  // the criterion and its values; empty ones at the end
};
std::span<const PredefinedAcl> predefined_acls();

}  // namespace weir::haproxy
