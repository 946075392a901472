// `userlist` sections: users, passwords, groups, and whether a password fits (http_auth).
#include "haproxy/userlist.h"

#include <crypt.h>
#include <fmt/format.h>

#include <cstring>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {

bool password_fits(const UserList::User& user, Str password) {
  if (!user.hashed) return user.password == password;
  crypt_data data = {};
  std::string text(password), setting(user.password);
  const char* made = crypt_r(text.c_str(), setting.c_str(), &data);
  return made && setting == made;
}

const UserList::User* find_list_user(const UserList& list, Str name) {
  for (const UserList::User& u : list.users)
    if (u.name == name) return &u;
  return nullptr;
}

namespace {

void split(Str list, std::vector<Str>& out) {
  while (!list.empty()) {
    Str one = cut(list, ',');
    if (!one.empty()) out.push_back(one);
  }
}

void bind_user(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  UserList::User user;
  user.name = args[0].text;
  if (find_list_user(*scope.users, user.name))
    scope.error(args[0].where, fmt::format("the user '{}' is in the list already", user.name), {},
                fmt::format("user '{}' is already defined", user.name));
  for (size_t i = 1; i + 1 < args.size(); i += 2) {
    if (args[i] == "password" || args[i] == "insecure-password") {
      user.password = args[i + 1].text;
      user.hashed = args[i] == "password";
    } else if (args[i] == "groups") {
      split(args[i + 1].text, user.groups);
    } else {
      scope.error(args[i].where, fmt::format("'{}' is not expected behind a user", args[i].text),
                  "password, insecure-password or groups");
      return;
    }
  }
  scope.users->users.push_back(user);
}

void bind_group(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  UserList::Group group;
  group.name = args[0].text;
  if (args.size() == 3 && args[1] == "users") split(args[2].text, group.users);
  scope.users->groups.push_back(group);
}

constexpr Row kRows[] = {
    {"user", kUserlist, 1, 5, Block::none, Inherit::none, bind_user,
     "<username> [password|insecure-password <password>] [groups <group>,<group>,(...)]",
     "a user, the password and groups"},
    {"group", kUserlist, 1, 3, Block::none, Inherit::none, bind_group, "<groupname> [users <user>,<user>,(...)]",
     "a group, and users in it"},
};

}  // namespace

const config::Table kUserlistTable = kRows;

}  // namespace weir::haproxy
