// try_files (ngx_http_try_files_module): before a location's content, the first of these files that exists becomes the
// URI; the last word is where to go when none does.
#include <errno.h>
#include <fmt/format.h>

#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/paths.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

struct Candidate {
  const Script* name = nullptr;
  bool dir = false;
};

struct TryFilesConf {
  ArenaList<Candidate> candidates;
  const Script* last = nullptr;  // URI or @name; null with `code`
  uint16_t code = 0;
};

void bind_try_files(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<TryFilesConf*>(scope.conf);
  size_t last = d.args() - 1;
  for (size_t i = 0; i < last; i++) {
    Str name = d.arg(i).text;
    Candidate c;
    c.dir = name.ends_with('/');
    if (c.dir) name.remove_suffix(1);
    c.name = compile_script(scope.arena, scope.http->variables, name, d.arg(i).where, scope.diag);
    conf.candidates.push(scope.arena, c);
  }
  Str word = d.arg(last).text;
  if (word.starts_with("=")) {
    auto n = parse_u64(word.substr(1));
    if (!n || *n > 999) {
      scope.error(d.arg(last).where, fmt::format("invalid code \"{}\"", word.substr(1)),
                  "write = and a status, as in =404");
      return;
    }
    conf.code = static_cast<uint16_t>(*n);
    return;
  }
  conf.last = compile_script(scope.arena, scope.http->variables, word, d.arg(last).where, scope.diag);
}

Next go_to_last(Transaction& txn, Cursor& cursor, const TryFilesConf& conf) {
  if (!conf.last) return finish_with(txn, conf.code);
  Str uri = conf.last->eval(txn);
  if (uri.starts_with("@")) return named_location(txn, cursor, uri);
  size_t q = uri.find('?');
  return internal_redirect(txn, cursor, uri.substr(0, q), q == Str::npos ? Str{} : uri.substr(q + 1));
}

void found(Transaction& txn, Str name, size_t alias, bool dir) {
  Request& r = of(txn);
  if (alias == 0)
    r.uri = name;
  else if (alias != Str::npos)
    r.uri = txn.arena.cat(r.uri.substr(0, alias), name);
  else if (!dir)
    r.uri = r.alias_uri = txn.arena.dup(name);
}

Next try_files(Transaction& txn, Cursor& cursor, const void*) {
  const Request& r = of(txn);
  const auto& conf = conf_of<TryFilesConf>(txn, kTryFilesModule);
  FilePath base;
  if (!map_path(txn, r.uri, base)) return finish_with(txn, 500);
  Str root = base.path.substr(0, base.root);
  size_t alias = alias_length(*r.location);
  for (const Candidate& c : conf.candidates) {
    Str name = c.name->eval(txn);
    // "$uri" under an alias: the location's part is what the alias stands for.
    bool whole_uri = alias && alias != Str::npos && !c.name->constant() && name.starts_with(r.uri.substr(0, alias));
    if (whole_uri) name = name.substr(alias);
    FilePath file{txn.arena.cat(root, name), base.root};
    FileInfo info = look_at(txn, file, false);
    if (info.error) {
      if (info.error != ENOENT && info.error != ENOTDIR && info.error != ENAMETOOLONG)
        log_error(&txn, LogLevel::crit, info.error, fmt::format("{} \"{}\" failed", info.failed, file.path));
      continue;
    }
    if (info.dir != c.dir) continue;
    found(txn, name, alias, c.dir);
    return Next::next;
  }
  return go_to_last(txn, cursor, conf);
}

void compile_try_files(Scope&, Location& l, void* conf) {
  if (static_cast<TryFilesConf*>(conf)->candidates.size) l.step(Phase::precontent, try_files, conf);
}

const Row kTable[] = {
    {"try_files", kServer | kLocation, 2, -1, Block::none, Inherit::none, bind_try_files,
     "file ... uri | file ... =code",
     "serves the first of these files that exists, else goes to the last URI or status"},
};

}  // namespace

const Module kTryFilesModule{"try_files", sizeof(TryFilesConf), module_create<TryFilesConf>, kTable,
                             nullptr,     compile_try_files};

}  // namespace weir::nginx
