#pragma once
// Users of `userlist` sections.
#include "haproxy/scope.h"

namespace weir::haproxy {

const UserList::User* find_list_user(const UserList& list, Str name);
bool password_fits(const UserList::User& user, Str password);
// At the end of a list: its groups name users of it, and its users groups.
void check_members(Scope& scope, const Directive& section);

}  // namespace weir::haproxy
