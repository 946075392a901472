// index (ngx_http_index_module): a request for a directory goes to the first of its index files that exists.
#include <errno.h>
#include <fmt/format.h>

#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/paths.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Method;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

struct IndexConf {
  ArenaList<const Script*> names;
};

void bind_index(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<IndexConf*>(scope.conf);
  for (size_t i = 0; i < d.args(); i++) {
    Str name = d.arg(i).text;
    if (name.starts_with("/") && i + 1 != d.args())
      scope.diag.warning(d.arg(i).where, fmt::format("only the last index in \"index\" directive should be absolute"));
    if (name.empty()) {
      scope.error(d.arg(i).where, "index \"\" in \"index\" directive is invalid", "name a file");
      continue;
    }
    conf.names.push(scope.arena, compile_script(scope.arena, scope.http->variables, name, d.arg(i).where, scope.diag));
  }
}

void merge_index(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<IndexConf*>(child);
  if (c.names.empty()) c.names = static_cast<const IndexConf*>(parent)->names;
  if (!c.names.empty()) return;
  c.names.push(scope.arena, compile_script(scope.arena, scope.http->variables, "index.html", {}, scope.diag));
}

Next index_error(Transaction& txn, int error, Str path) {
  bool denied = error == EACCES;
  if (denied || conf_of<CoreConf>(txn, kCoreModule).log_not_found.get(true))
    log_error(&txn, LogLevel::error, error, fmt::format("\"{}\" is {}", path, denied ? "forbidden" : "not found"));
  return finish_with(txn, denied ? 403 : 404);
}

// An index file is missing: the directory itself may be. Next::next: it is there.
Next check_directory(Transaction& txn, const FilePath& directory) {
  FilePath dir = directory;
  while (dir.path.size() > 1 && dir.path.ends_with('/')) dir.path.remove_suffix(1);
  dir.path = txn.arena.dup(dir.path);
  FileInfo info = look_at(txn, dir, false);
  if (info.error == ELOOP || info.error == EMLINK) return finish_with(txn, 403);
  if (info.error == ENOENT) return index_error(txn, info.error, dir.path);
  if (info.error == EACCES) return Next::next;  // it may be searched and not read
  if (info.error) {
    log_error(&txn, LogLevel::crit, info.error, fmt::format("{} \"{}\" failed", info.failed, dir.path));
    return finish_with(txn, 500);
  }
  if (info.dir) return Next::next;
  log_error(&txn, LogLevel::alert, 0, fmt::format("\"{}\" is not a directory", dir.path));
  return finish_with(txn, 500);
}

Next try_index(Transaction& txn, Cursor& cursor, const void*) {
  const Request& r = of(txn);
  Method method = txn.request.method;
  if (!r.uri.ends_with('/')) return Next::next;
  if (method != Method::get && method != Method::head && method != Method::post) return Next::next;
  FilePath directory;
  bool mapped = false, tested = false;
  for (const Script* script : conf_of<IndexConf>(txn, kIndexModule).names) {
    Str name = script->eval(txn);
    if (name.starts_with("/")) return internal_redirect(txn, cursor, name, r.args);
    if (!mapped && !map_path(txn, r.uri, directory)) return finish_with(txn, 500);
    mapped = true;
    FilePath file{txn.arena.cat(directory.path, name), directory.root};
    FileInfo info = look_at(txn, file, false);
    if (!info.error) return internal_redirect(txn, cursor, txn.arena.cat(r.uri, name), r.args);
    if (info.error == EMLINK || info.error == ELOOP) return finish_with(txn, 403);
    if (info.error == ENOTDIR || info.error == ENAMETOOLONG || info.error == EACCES)
      return index_error(txn, info.error, file.path);
    if (!tested)
      if (Next n = check_directory(txn, directory); n != Next::next) return n;
    tested = true;
    if (info.error == ENOENT) continue;
    log_error(&txn, LogLevel::crit, info.error, fmt::format("{} \"{}\" failed", info.failed, file.path));
    return finish_with(txn, 500);
  }
  return Next::next;
}

void compile_index(Scope&, Location& l, void* conf) {
  if (!l.has_content) l.step(Phase::content, try_index, conf);
}

const Row kTable[] = {
    {"index",
     kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::array,
     bind_index,
     "file ...",
     "files that are tried for a request that ends with a slash",
     {},
     0,
     nullptr,
     "index.html"},
};

}  // namespace

const Module kIndexModule{"index", sizeof(IndexConf), module_create<IndexConf>, kTable, merge_index, compile_index};

}  // namespace weir::nginx
