// Cookies that backends make of their servers' addresses: whether they do, and with which key.
#include <fmt/format.h>

#include "control/command.h"
#include "stats/publication.h"

namespace weir::control {
namespace {

// Null after an answer that says why.
stats::Publication* find(Call& call, Outcome& said) {
  const stats::ProxyEntry* found = call.server.catalogue().find_back(call.word(3));
  if (call.word(3).empty())
    said = call.refuse("A backend name is expected.\n");
  else if (!found)
    said = call.refuse("No such backend.\n");
  else if (!found->publication || (found->mode != "http" && found->mode != "tcp"))
    said = call.refuse("Not available.\n");
  else
    return found->publication;
  return nullptr;
}

Outcome set_dynamic(Call& call, bool on) {
  Outcome said{};
  stats::Publication* to = find(call, said);
  if (!to) return said;
  to->dynamic_cookies = on;
  return Outcome::done;
}

Outcome enable(Call& call) {
  return set_dynamic(call, true);
}
Outcome disable(Call& call) {
  return set_dynamic(call, false);
}

Outcome set_key(Call& call) {
  Outcome said{};
  stats::Publication* to = find(call, said);
  if (!to) return said;
  const Str key = call.word(4);
  constexpr size_t kMost = decltype(to->cookie_key)::kMost;
  if (key.empty()) return call.refuse("String value expected.\n");
  if (key.size() > kMost) return call.refuse(fmt::format("The key may have {} bytes.\n", kMost));
  to->cookie_key.set(key);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"enable", "dynamic-cookie", "backend"},
     Level::admin,
     "enable dynamic-cookie backend <backend>",
     "make cookies of servers' addresses and the backend's key",
     enable},
    {{"disable", "dynamic-cookie", "backend"},
     Level::admin,
     "disable dynamic-cookie backend <backend>",
     "make no cookies of servers' addresses",
     disable},
    {{"set", "dynamic-cookie-key", "backend"},
     Level::admin,
     "set dynamic-cookie-key backend <backend> <key>",
     "change the key of cookies that are made of addresses; clients lose their servers",
     set_key},
};

}  // namespace

const Commands kCookieCommands = kRows;

}  // namespace weir::control
