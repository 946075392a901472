// See haproxy/server_origin.h.
#include "haproxy/server_origin.h"

#include <fmt/format.h>

#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

const ServerOptions& options_of(const model::Server& server) {
  return *static_cast<const ServerOptions*>(server.conf);
}

// A server of the file, one that was added since, or a default-server of that name.
const ServerOptions* find_options(const Proxy& p, Str name) {
  if (p.pool) {
    for (const model::Server* s : p.pool->servers)
      if (s->name == name && !s->absent()) return &options_of(*s);
  } else {
    for (const model::Server* s : p.servers)
      if (s->name == name) return &options_of(*s);
  }
  for (const DefaultServer* d : p.default_servers)
    if (d->name == name) return &d->options;
  return nullptr;
}

bool copy_backend(Scope& scope, const Word& word, Str name, ServerOptions& out) {
  const Proxy* p = name.empty() ? scope.proxy : scope.global.find_proxy(name, false);
  if (!p) {
    scope.error(word.where, fmt::format("there is no backend '{}' yet", name),
                "an origin stands in front of what is made from it",
                fmt::format("from: unknown backend instance '{}'.", name));
    return false;
  }
  out = p->default_server.options;
  return true;
}

bool copy_server(Scope& scope, const Word& word, Str path, ServerOptions& out) {
  Str name = path;
  const Proxy* p = scope.proxy;
  if (path.find('/') != Str::npos) {
    Str backend = cut(name, '/');
    p = scope.global.find_proxy(backend, false);
    if (!p) {
      scope.error(word.where, fmt::format("there is no backend '{}' yet", backend),
                  "an origin stands in front of what is made from it",
                  fmt::format("from: unknown backend '{}'.", backend));
      return false;
    }
  }
  const ServerOptions* from = find_options(*p, name);
  if (!from) {
    scope.error(word.where, fmt::format("'{}' has no server or default-server '{}' yet", p->name, name),
                "an origin stands in front of what is made from it",
                name.empty() ? std::string("from: require <backend>/<server>.")
                             : fmt::format("from: unknown server '{}' in backend '{}'.", name, p->name));
    return false;
  }
  out = *from;
  return true;
}

bool copy_origin(Scope& scope, const Word& word, ServerOptions& out) {
  const bool added = out.added;
  bool known = true;
  if (word == "none")
    out = ServerOptions();
  else if (word.text.starts_with("be:"))
    known = copy_backend(scope, word, word.text.substr(3), out);
  else if (word.text.starts_with("srv:"))
    known = copy_server(scope, word, word.text.substr(4), out);
  else {
    scope.error(word.where, fmt::format("'{}' is no origin of options", word.text),
                "none, be:[BACKEND] or srv:[BACKEND/]SERVER",
                fmt::format("invalid '{}' value for 'from' keyword.", word.text));
    known = false;
  }
  out.id = 0;  // is one server's own
  out.added = added;
  return known;
}

constexpr Row kRows[] = {
    {"from", kServerOption, 1, 1, Block::none, Inherit::none, [](void*, const Directive&, const Row&) {},
     "{ none | be:[<bename>] | srv:[<bename>/]<srvname> }",
     "start from the options of a default-server or of another server; the first option of its line"},
};

}  // namespace

bool take_origin(Scope& scope, Words& words, ServerOptions& options) {
  if (words.empty() || words[0] != Str("from")) return true;
  if (words.size() < 2) {
    scope.error(words[0].where, "'from' lacks its origin", "none, be:[BACKEND] or srv:[BACKEND/]SERVER",
                "from: missing value.");
    return false;
  }
  if (!copy_origin(scope, words[1], options)) return false;
  words = words.subspan(2);
  if (words.empty() || words[0] != Str("from")) return true;
  scope.error(words[0].where, "a line has one origin", {}, "'from' keyword can only be specified once.");
  return false;
}

DefaultServer* default_server_of(Scope& scope, Words& words) {
  Proxy& p = *scope.proxy;
  if (words.empty() || words[0] != Str("name")) return &p.default_server;
  if (words.size() < 2) {
    scope.error(words[0].where, "'name' lacks the name", {}, "default-server name: missing value.");
    return nullptr;
  }
  const Word& name = words[1];
  words = words.subspan(2);
  for (DefaultServer* d : p.default_servers)
    if (name == d->name) return d;
  for (const model::Server* s : p.servers)
    if (name == s->name) {
      scope.error(name.where, fmt::format("a server is called '{}'", name.text), {},
                  fmt::format("default-server name '{}' conflicts with a server of that name.", name.text));
      return nullptr;
    }
  return p.default_servers.push(scope.arena, scope.arena.make<DefaultServer>(DefaultServer{name.text}));
}

std::string list_default_servers(const Global& global, const Proxy* only) {
  std::string out;
  for (const Proxy* p : global.proxies) {
    if (!p->is_back() || (only && p != only)) continue;
    Str mark = "*";
    if (p->default_server.said) {
      out += fmt::format("{} {}\n", mark, p->name);
      mark = " ";
    }
    std::vector<const DefaultServer*> named(p->default_servers.begin(), p->default_servers.end());
    std::ranges::sort(named, {}, &DefaultServer::name);
    for (const DefaultServer* d : named) {
      out += fmt::format("{} {}/{}\n", mark, p->name, d->name);
      mark = " ";
    }
  }
  return out;
}

const config::Table kServerOriginTable = kRows;

}  // namespace weir::haproxy
