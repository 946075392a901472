// Regular files as answers (ngx_http_static_module): the last content step of a location that has no handler of its own.
// Ends with what nginx answers when nobody took a directory.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "nginx/error_log.h"
#include "nginx/http_time.h"
#include "nginx/mime.h"
#include "nginx/modules.h"
#include "nginx/not_modified.h"
#include "nginx/paths.h"
#include "nginx/range.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Method;
using http::Name;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

constexpr int kFirstHarmlessFilter = 80;  // filters from here on leave the body's bytes alone

struct StaticConf {
  Setting<bool> etag;
};

Next redirect_to_directory(Transaction& txn) {
  const Request& r = of(txn);
  return redirect(txn, 301, txn.arena.cat(escape_uri(txn.arena, r.uri), "/", r.args.empty() ? "" : "?", r.args));
}

void start_head(Transaction& txn, const FileInfo& info) {
  txn.discard_response();
  http::Message& m = txn.response;
  m.headers.clear();
  m.trailers.clear();
  m.version = 11;
  m.status = 200;
  m.upgrade = false;
  m.raw_head = {};
  uint16_t instead = of(txn).error_status;
  bool whole = !instead || instead == 200;  // else it is the page of an error
  if (whole) m.headers.add("Last-Modified", http_time(txn.arena, info.mtime), Name::last_modified);
  if (conf_of<StaticConf>(txn, kStaticModule).etag.get(true))
    m.headers.add("ETag", txn.arena.dup(fmt::format("\"{:x}-{:x}\"", info.mtime, info.size)), Name::etag);
  if (whole) m.headers.add("Accept-Ranges", "bytes", Name::accept_ranges);
}

// One range of a file that no filter changes: only its bytes are read, with sendfile.
bool single_range(Transaction& txn, uint64_t size, ByteRange& out) {
  const Request& r = of(txn);
  if (!txn.request.headers.has(Name::range) || txn.parent || r.error_status) return false;
  const auto& filters = r.location->filters;
  if (std::any_of(filters.begin(), filters.end(), [](const FilterMaker& f) { return f.order < kFirstHarmlessFilter; }))
    return false;
  if (check_preconditions(txn, txn.response) != Precondition::pass) return false;
  ArenaList<ByteRange> ranges;
  if (wanted_ranges(txn, txn.response, size, ranges) != RangeVerdict::parts || ranges.size != 1) return false;
  out = ranges[0];
  return true;
}

Next send_file(Transaction& txn, const FileInfo& info) {
  start_head(txn, info);
  proxy::Reply reply;
  reply.content_type = content_type_of(txn);
  ByteRange range{0, info.size};
  if (single_range(txn, info.size, range)) {
    reply.status = 206;
    txn.response.headers.remove(Name::accept_ranges);
    txn.response.headers.add("Content-Range", content_range(txn.arena, range, info.size), Name::content_range);
  }
  if (range.begin == range.end) {
    ::close(info.fd);
    if (!reply.content_type.empty()) txn.response.headers.add("Content-Type", reply.content_type, Name::content_type);
    txn.response.body = http::Body::length;
    return txn.reply_head({});
  }
  return txn.reply_file(reply, info.fd, static_cast<int64_t>(range.begin), range.end - range.begin);
}

Next serve_file(Transaction& txn, Cursor&, const void*) {
  const Request& r = of(txn);
  Method method = txn.request.method;
  if (method != Method::get && method != Method::head && method != Method::post) return finish_with(txn, 405);
  if (r.uri.ends_with('/')) return Next::next;
  FilePath file;
  if (!map_path(txn, r.uri, file)) return finish_with(txn, 500);
  FileInfo info = look_at(txn, file, true);
  if (info.error) return file_error(txn, info, file.path);
  if (info.dir) return redirect_to_directory(txn);
  if (!info.regular) {
    log_error(&txn, LogLevel::crit, 0, fmt::format("\"{}\" is not a regular file", file.path));
    return finish_with(txn, 404);
  }
  if (method == Method::post) {
    ::close(info.fd);
    return finish_with(txn, 405);
  }
  return send_file(txn, info);
}

// Nobody answered: a directory without index and listing is not shown.
Next refuse_directory(Transaction& txn, Cursor&, const void*) {
  const Request& r = of(txn);
  if (!r.uri.ends_with('/')) return Next::next;
  FilePath file;
  if (map_path(txn, r.uri, file))
    log_error(&txn, LogLevel::error, 0, fmt::format("directory index of \"{}\" is forbidden", file.path));
  return finish_with(txn, 403);
}

void compile_static(Scope&, Location& l, void* conf) {
  if (l.has_content) return;
  l.step(Phase::content, serve_file, conf);
  l.step(Phase::content, refuse_directory, conf);
}

const Row kTable[] = {
    {"etag",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "files carry an ETag",
     {},
     WEIR_FIELD(StaticConf, etag),
     "on"},
};

}  // namespace

const Module kStaticModule{"static", sizeof(StaticConf), module_create<StaticConf>, kTable, nullptr, compile_static};

}  // namespace weir::nginx
