#pragma once
// What `bind` and `stats socket` lines share: owners and modes of Unix sockets.
#include <span>

#include "haproxy/scope.h"

namespace weir::haproxy {

// Reports an unknown one (a note when offline).
bool find_user(Scope& scope, const Word& word, int& id);
bool find_group(Scope& scope, const Word& word, int& id);
// A listener of scope.proxy at each address of the word, with the options of all lists, in their order. False after an error.
bool listen_at(Scope& scope, const Word& addresses, std::span<const Words> options, const Where& where);
// mode, user, group, uid, gid. True when `name` was one of them.
bool take_socket_owner(Scope& scope, Str name, Words args, int& mode, int& uid, int& gid);

}  // namespace weir::haproxy
