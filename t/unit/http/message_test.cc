// http/message.h: the header list as rules use it, and the method table.
#include "http/message.h"

#include <criterion/criterion.h>

using namespace weir;
using http::HeaderList;
using http::Method;
using http::Name;

namespace {

int count(const HeaderList& list) {
  int n = 0;
  for (const http::Header& h : list) n += !h.removed;
  return n;
}

}  // namespace

Test(header_list, finds_duplicates_in_order) {
  Arena arena;
  HeaderList list;
  list.bind(arena);
  list.add("Accept", "a");
  list.add("X-Own", "b");
  list.add("accept", "c");
  list.add("x-own", "d");
  http::Header* h = list.find(Name::accept);
  cr_assert(h && h->value == "a");
  h = list.find(Name::accept, h);
  cr_assert(h && h->value == "c");
  cr_expect(!list.find(Name::accept, h));
  h = list.find("X-OWN");
  cr_assert(h && h->value == "b");
  h = list.find("X-OWN", h);
  cr_assert(h && h->value == "d");
  cr_expect(!list.find("X-OWN", h));
  cr_expect(list.find_last(Name::accept)->value == "c");
  cr_expect(!list.find_last(Name::host));
  cr_expect(list.value(Name::accept) == "a");
  cr_expect(list.value(Name::host).empty());
}

Test(header_list, set_replaces_the_first_and_removes_the_rest) {
  Arena arena;
  HeaderList list;
  list.bind(arena);
  list.add("Accept", "a");
  list.add("X-Own", "b").hop = true;
  list.add("Accept", "c");
  list.add("x-own", "d");
  list.set("ACCEPT", "new");
  list.set("X-own", "other");
  cr_expect(count(list) == 2);
  cr_expect(list.find(Name::accept)->value == "new");
  cr_expect(list.find("x-own")->value == "other");
  cr_expect(!list.find("x-own")->hop, "a value set by a rule is not what Connection listed");
  list.set(Name::host, "Host", "h");
  cr_expect(list.value(Name::host) == "h" && count(list) == 3);
}

Test(header_list, remove_counts) {
  Arena arena;
  HeaderList list;
  list.bind(arena);
  for (int i = 0; i < 10; i++) list.add(i % 2 ? "X-A" : "Cookie", "v");
  cr_expect(list.remove("x-a") == 5);
  cr_expect(list.remove("x-a") == 0);
  cr_expect(list.remove(Name::cookie) == 5);
  cr_expect(list.remove("COOKIE") == 0);
  cr_expect(count(list) == 0 && list.size() == 10);
  list.set("x-a", "again");
  cr_expect(count(list) == 1 && list.find("X-A")->value == "again");
  list.clear();
  cr_expect(!list.find("x-a") && list.size() == 0);
}

Test(header_list, reserve_keeps_room) {
  Arena arena;
  HeaderList list;
  list.bind(arena);
  list.reserve(3);
  for (int i = 0; i < 40; i++) list.add("Via", "v");
  cr_expect(count(list) == 40);
  list.reserve(1000);
  cr_expect(count(list) == 40);
}

Test(methods, names_round_trip) {
  for (int i = 1; i <= static_cast<int>(Method::unlock); i++) {
    auto m = static_cast<Method>(i);
    cr_expect(http::method_id(http::method_name(m)) == m, "%d", i);
  }
  cr_expect(http::method_id("get") == Method::other);
  cr_expect(http::method_id("") == Method::other);
  cr_expect(http::method_id("PURGE") == Method::other);
  cr_expect(http::method_name(Method::other).empty());
}

Test(methods, idempotent) {
  for (Method m : {Method::get, Method::head, Method::put, Method::delete_, Method::options, Method::trace})
    cr_expect(http::is_idempotent(m));
  for (Method m : {Method::other, Method::post, Method::patch, Method::connect, Method::lock})
    cr_expect(!http::is_idempotent(m));
}
