// types, default_type (ngx_http_core_module); see nginx/mime.h.
#include "nginx/mime.h"

#include <algorithm>

#include "nginx/modules.h"
#include "nginx/request.h"

namespace weir::nginx {
namespace {

struct Entry {
  Str extension;  // lower case
  Str type;
};

struct MimeConf {
  std::vector<Entry>* types = nullptr;  // sorted by extension once merged; null: this level says nothing
  Setting<Str> default_type;
};

const Entry kDefaults[] = {
    {"gif", "image/gif"}, {"htm", "text/html"}, {"html", "text/html"}, {"jpeg", "image/jpeg"}, {"jpg", "image/jpeg"}};

Str lowered(Arena& arena, Str s) {
  char* p = arena.alloc_chars(s.size());
  std::transform(s.begin(), s.end(), p, lower);
  return {p, s.size()};
}

void bind_types(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<MimeConf*>(scope.conf);
  if (!conf.types) conf.types = scope.arena.own<std::vector<Entry>>();
  for (const Directive& line : d.block) {
    if (line.args() == 0) {
      scope.error(line.where, "invalid number of arguments in \"types\" directive", "write: type extension ...");
      continue;
    }
    Str type = scope.arena.dup(line.name());
    for (size_t i = 0; i < line.args(); i++) {
      Str extension = lowered(scope.arena, line.arg(i).text);
      auto same = [&](const Entry& e) { return e.extension == extension; };
      auto it = std::find_if(conf.types->begin(), conf.types->end(), same);
      if (it == conf.types->end()) {
        conf.types->push_back({extension, type});
        continue;
      }
      scope.diag.warning(line.arg(i).where, "duplicate extension \"" + std::string(extension) + "\"",
                         "the last one counts");
      it->type = type;
    }
  }
}

void merge_mime(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<MimeConf*>(child);
  if (!c.types) c.types = static_cast<const MimeConf*>(parent)->types;
}

void sort_types(Scope&, Location&, void* conf) {
  auto* types = static_cast<MimeConf*>(conf)->types;
  if (types)
    std::sort(types->begin(), types->end(), [](const Entry& a, const Entry& b) { return a.extension < b.extension; });
}

// What follows the last dot of the last path segment; empty when there is none.
Str extension_of(Str uri) {
  for (size_t i = uri.size(); i-- > 1;) {
    if (uri[i] == '/') return {};
    if (uri[i] == '.') return uri[i - 1] == '/' ? Str{} : uri.substr(i + 1);
  }
  return {};
}

template <class List>
const Entry* find_type(const List& list, Str extension) {
  auto it = std::lower_bound(std::begin(list), std::end(list), extension,
                             [](const Entry& e, Str x) { return e.extension < x; });
  return it != std::end(list) && it->extension == extension ? &*it : nullptr;
}

constexpr Str kHash = "look-ups need no hash table sizes";

const Row kTable[] = {
    {"types", kHttpServerLocation, 0, 0, Block::required, Inherit::array, bind_types, "{ type extension ...; ... }",
     "which media type goes with a file name extension"},
    {"default_type",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_str,
     "mime-type",
     "media type of files whose extension is not in types",
     {},
     WEIR_FIELD(MimeConf, default_type),
     "text/plain"},
    {"types_hash_max_size", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "size of the hash table of types", kHash},
    {"types_hash_bucket_size", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "bucket size of the hash table of types", kHash},
};

}  // namespace

Str content_type_of(proxy::Transaction& txn) {
  const Request& r = of(txn);
  const auto& conf = conf_of<MimeConf>(txn, kMimeModule);
  Str extension = extension_of(r.uri);
  char low[32];
  if (!extension.empty() && extension.size() <= sizeof low) {
    std::transform(extension.begin(), extension.end(), low, lower);
    Str key{low, extension.size()};
    const Entry* e = conf.types ? find_type(*conf.types, key) : find_type(kDefaults, key);
    if (e) return e->type;
  }
  return conf.default_type.get("text/plain");
}

bool TypeList::has(Str content_type) const {
  if (any) return true;
  Str type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  if (type.empty()) return false;
  if (iequals(type, "text/html")) return true;
  return std::any_of(types.begin(), types.end(), [&](Str t) { return iequals(t, type); });
}

void set_types(void* s, const Directive& d, const Row& row) {
  auto& scope = *static_cast<Scope*>(s);
  auto& list = *reinterpret_cast<TypeList*>(static_cast<char*>(scope.conf) + row.offset);
  list.set = true;
  for (size_t i = 0; i < d.args(); i++) {
    if (d.arg(i).text == "*")
      list.any = true;
    else
      list.types.push(scope.arena, scope.arena.dup(d.arg(i).text));
  }
}

void merge_types(TypeList& child, const TypeList& parent) {
  if (!child.set) child = parent;
}

const Module kMimeModule{"mime", sizeof(MimeConf), module_create<MimeConf>, kTable, merge_mime, sort_types};

}  // namespace weir::nginx
