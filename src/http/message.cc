// Header list operations and method names of http/message.h. Everything here works on the transaction's arena and on
// messages with a dozen headers: linear scans, no index.
#include "http/message.h"

namespace weir::http {

Header* HeaderList::find(Str name, const Header* after) const {
  Name id = name_id(name);
  if (id != Name::other) return find(id, after);
  if (!(present_ & bit(Name::other))) return nullptr;
  for (Header* h = after ? const_cast<Header*>(after) + 1 : list_.begin(); h != list_.end(); h++)
    if (h->id == Name::other && !h->removed && iequals(h->name, name)) return h;
  return nullptr;
}

Header* HeaderList::find_last(Name id) const {
  if (!(present_ & bit(id))) return nullptr;
  for (Header* h = list_.end(); h != list_.begin();) {
    h--;
    if (h->id == id && !h->removed) return h;
  }
  return nullptr;
}

void HeaderList::set(Name id, Str name, Str value) {
  Header* first = id == Name::other ? find(name) : find(id);
  if (!first) {
    add(name, value, id);
    return;
  }
  first->name = name;
  first->value = value;
  if (id == Name::other) first->hop = false;  // no longer the one that Connection listed
  for (Header* h = first + 1; h != list_.end(); h++)
    if (h->id == id && (id != Name::other || iequals(h->name, name))) h->removed = true;
}

int HeaderList::remove(Name id) {
  int n = 0;
  for (Header* h = find(id); h; h = find(id, h)) {
    h->removed = true;
    n++;
  }
  return n;
}

int HeaderList::remove(Str name) {
  Name id = name_id(name);
  if (id != Name::other) return remove(id);
  int n = 0;
  for (Header* h = find(name); h; h = find(name, h)) {
    h->removed = true;
    n++;
  }
  return n;
}

namespace {

constexpr Str kMethods[] = {
    "",      "GET",   "HEAD", "POST", "PUT",      "DELETE",    "CONNECT", "OPTIONS", "TRACE",
    "PATCH", "MKCOL", "COPY", "MOVE", "PROPFIND", "PROPPATCH", "LOCK",    "UNLOCK",
};
static_assert(std::size(kMethods) == static_cast<size_t>(Method::unlock) + 1);

// Of the candidates, all of kSize bytes, the one that is the token.
template <size_t kSize, class... M>
Method among(const char* token, M... candidates) {
  Method found = Method::other;
  ((memcmp(token, kMethods[static_cast<size_t>(candidates)].data(), kSize) == 0 ? (void)(found = candidates) : void()),
   ...);
  return found;
}

}  // namespace

// Methods are case-sensitive (RFC 9110 9.1).
Method method_id(Str token) {
  const char* p = token.data();
  switch (token.size()) {
    case 3: return among<3>(p, Method::get, Method::put);
    case 4: return among<4>(p, Method::post, Method::head, Method::copy, Method::move, Method::lock);
    case 5: return among<5>(p, Method::patch, Method::trace, Method::mkcol);
    case 6: return among<6>(p, Method::delete_, Method::unlock);
    case 7: return among<7>(p, Method::options, Method::connect);
    case 8: return among<8>(p, Method::propfind);
    case 9: return among<9>(p, Method::proppatch);
    default: return Method::other;
  }
}

Str method_name(Method method) {
  return kMethods[static_cast<size_t>(method)];
}

bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options || method == Method::trace;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::other:
    case Method::post:
    case Method::connect:
    case Method::patch:
    case Method::lock: return false;
    default: return true;
  }
}

}  // namespace weir::http
