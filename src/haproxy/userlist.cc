// `userlist` sections: users, passwords, groups, and whether a password fits (http_auth).
#include "haproxy/userlist.h"

#include <crypt.h>
#include <fmt/format.h>

#include <algorithm>
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

bool has_group(const UserList& list, Str name) {
  return std::any_of(list.groups.begin(), list.groups.end(), [&](const auto& g) { return g.name == name; });
}

// The first one counts.
void warn_duplicate(Scope& scope, const Word& name, Str what) {
  scope.warning(name.where, fmt::format("the {} '{}' is in the list already; this line is ignored", what, name.text),
                {}, fmt::format("ignoring duplicated {} '{}' in userlist '{}'.", what, name.text, scope.users->name));
}

void bind_user(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  UserList::User user;
  user.name = args[0].text;
  if (find_list_user(*scope.users, user.name)) return warn_duplicate(scope, args[0], "user");
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
  if (has_group(*scope.users, group.name)) return warn_duplicate(scope, args[0], "group");
  if (args.size() == 3 && args[1] == "users") split(args[2].text, group.users);
  scope.users->groups.push_back(group);
}

// Each name behind `keyword` is a member of the list.
template <class Has>
void check_names(Scope& scope, const Directive& line, Str keyword, Str what, Has has) {
  for (size_t i = 2; i + 1 < line.words.size(); i++) {
    if (line.words[i] != keyword) continue;
    std::vector<Str> names;
    split(line.words[i + 1].text, names);
    for (Str name : names)
      if (!has(name))
        scope.error(line.words[i + 1].where, fmt::format("the list has no {} '{}'", what, name), {},
                    fmt::format("userlist '{}': no such {} '{}' specified in {} '{}'", scope.users->name, what, name,
                                line.name(), line.words[1].text));
  }
}

constexpr Row kRows[] = {
    {"user", kUserlist, 1, 5, Block::none, Inherit::none, bind_user,
     "<username> [password|insecure-password <password>] [groups <group>,<group>,(...)]",
     "a user, the password and groups"},
    {"group", kUserlist, 1, 3, Block::none, Inherit::none, bind_group, "<groupname> [users <user>,<user>,(...)]",
     "a group, and users in it"},
};

}  // namespace

void check_members(Scope& scope, const Directive& section) {
  const UserList& list = *scope.users;
  for (const Directive& line : section.block) {
    if (line.name() == "group")
      check_names(scope, line, "users", "user", [&](Str name) { return find_list_user(list, name) != nullptr; });
    else
      check_names(scope, line, "groups", "group", [&](Str name) { return has_group(list, name); });
  }
}

const config::Table kUserlistTable = kRows;

}  // namespace weir::haproxy
