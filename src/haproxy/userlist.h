#pragma once
// Users of `userlist` sections.
#include "haproxy/global.h"

namespace weir::haproxy {

const UserList::User* find_list_user(const UserList& list, Str name);
bool password_fits(const UserList::User& user, Str password);

}  // namespace weir::haproxy
