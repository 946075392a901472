// root, alias, disable_symlinks and the words about how files are read (ngx_http_core_module); see nginx/paths.h.
#include "nginx/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Next;
using proxy::Transaction;

enum class Symlinks : uint8_t { allowed, refused, owner };

struct PathsConf {
  const Script* root = nullptr;  // of root or alias; null: inherited, or the default "html"
  bool alias = false;
  Str prefix;                    // what relative results of `root` are below
  Setting<Symlinks> symlinks;
  const Script* symlinks_from = nullptr;
};

bool has_variables(const Script& s) {
  return !s.constant();
}

// Relative paths are below the prefix. With variables that is known only when the value is.
const Script* compile_path(Scope& scope, const Directive& d, bool strip_slash) {
  Str text = d.arg(0).text;
  if (strip_slash && text.size() > 1 && text.back() == '/') text.remove_suffix(1);
  const Script* s = compile_script(scope.arena, scope.http->variables, text, d.arg(0).where, scope.diag);
  if (has_variables(*s)) return s;
  return compile_script(scope.arena, scope.http->variables, full_path(scope, text), d.arg(0).where, scope.diag);
}

void bind_path(void* s, const Directive& d, const Row& row) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<PathsConf*>(scope.conf);
  bool alias = row.name == "alias";
  if (conf.root) {
    scope.error(d.where,
                fmt::format("\"{}\" directive is duplicate, \"{}\" directive was specified earlier", d.name(),
                            conf.alias ? "alias" : "root"),
                "keep one of them");
    return;
  }
  Str text = d.arg(0).text;
  if (text.find("$document_root") != Str::npos || text.find("${document_root}") != Str::npos ||
      text.find("$realpath_root") != Str::npos || text.find("${realpath_root}") != Str::npos) {
    scope.error(d.arg(0).where,
                fmt::format("the $document_root and $realpath_root variables cannot be used in the \"{}\" "
                            "directive",
                            d.name()));
    return;
  }
  if (alias && static_cast<Location*>(scope.level)->kind == MatchKind::named) {
    scope.error(d.where, "the \"alias\" directive cannot be used inside the named location", "use root");
    return;
  }
  conf.alias = alias;
  conf.prefix = scope.arena.dup(full_path(scope, ""));
  conf.root = compile_path(scope, d, !alias);
}

void bind_symlinks(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<PathsConf*>(scope.conf);
  for (size_t i = 0; i < d.args(); i++) {
    Str w = d.arg(i).text;
    if (w == "off" || w == "on" || w == "if_not_owner") {
      conf.symlinks = w == "off" ? Symlinks::allowed : w == "on" ? Symlinks::refused : Symlinks::owner;
    } else if (w.starts_with("from=") && w.size() > 5) {
      conf.symlinks_from = compile_script(scope.arena, scope.http->variables, w.substr(5), d.arg(i).where, scope.diag);
    } else {
      return bad_value(scope, d, i, "off, on, if_not_owner or from=part");
    }
  }
  if (!conf.symlinks.set)
    scope.error(d.where, "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter");
  if (d.args() == 2 && conf.symlinks.value == Symlinks::allowed)
    scope.error(d.where, "\"disable_symlinks\" directive cannot be used with both \"off\" and \"from\"",
                "drop one of them");
}

void merge_paths(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<PathsConf*>(child);
  const auto& p = *static_cast<const PathsConf*>(parent);
  if (!c.root) {
    c.root = p.root;
    c.alias = p.alias;
    c.prefix = p.prefix;
  }
  if (!c.root) {
    c.prefix = scope.arena.dup(full_path(scope, ""));
    c.root = compile_script(scope.arena, scope.http->variables, full_path(scope, "html"), {}, scope.diag);
  }
  if (!c.symlinks.set) {
    c.symlinks = p.symlinks;
    c.symlinks_from = p.symlinks_from;
  }
}

// The location whose name an alias replaces: an inherited alias belongs to the location that wrote it, and `if` blocks
// have none of their own.
const Location& alias_owner(const Location& location) {
  const Location* l = &location;
  const Script* root = l->of<PathsConf>(kPathsModule).root;
  while (l->parent && l->parent->context != kHttp) {
    auto* outer = static_cast<const Location*>(l->parent);
    if (outer->of<PathsConf>(kPathsModule).root != root || !outer->of<PathsConf>(kPathsModule).alias) break;
    l = outer;
  }
  return *l;
}

Str evaluated_root(Transaction& txn, const PathsConf& conf) {
  Str root = conf.root->eval(txn);
  if (conf.root->constant() || root.starts_with("/")) return root;
  return txn.arena.cat(conf.prefix, root);
}

// ---------------------------------------------------------------- opening

// Where checking of links begins: behind the part that disable_symlinks from= names, if the path has it.
size_t checked_from(Transaction& txn, const PathsConf& conf, Str path) {
  if (!conf.symlinks_from) return 0;
  Str from = conf.symlinks_from->eval(txn);
  if (from.empty() || from.size() > path.size() || path.substr(0, from.size()) != from) return 0;
  if (from.back() == '/') return from.size();
  if (from.size() < path.size() && path[from.size()] == '/') return from.size() + 1;
  return 0;
}

// Opens `name` in `dir` without following links that are refused. With `owner`, a link is followed when it and what it
// points to have the same owner.
int open_part(int dir, const char* name, int flags, bool owner) {
  int fd = fault::openat(fault::Site::file_open, dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 || !owner || (errno != ELOOP && errno != EMLINK && errno != ENOTDIR)) return fd;
  int why = errno;
  struct stat link, target;
  if (::fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(link.st_mode)) {
    errno = why;
    return -1;
  }
  fd = fault::openat(fault::Site::file_open, dir, name, flags | O_CLOEXEC);
  if (fd < 0) return -1;
  if (::fstat(fd, &target) == 0 && target.st_uid == link.st_uid) return fd;
  ::close(fd);
  errno = ELOOP;
  return -1;
}

int open_checked(Str path, size_t from, bool owner) {
  constexpr int kDirFlags = O_PATH | O_DIRECTORY;
  std::string base = from ? std::string(path.substr(0, from)) : "/";
  int dir = fault::open(fault::Site::file_open, base.c_str(), kDirFlags | O_CLOEXEC);
  Str rest = path.substr(from);
  while (dir >= 0) {
    while (rest.starts_with("/")) rest.remove_prefix(1);
    size_t slash = rest.find('/');
    std::string part(rest.substr(0, slash));
    bool last = slash == Str::npos || rest.find_first_not_of('/', slash) == Str::npos;
    int fd = part.empty() ? fault::openat(fault::Site::file_open, dir, ".", O_RDONLY | O_CLOEXEC)
                          : open_part(dir, part.c_str(), last ? O_RDONLY | O_NONBLOCK : kDirFlags, owner);
    int why = errno;
    ::close(dir);
    // O_DIRECTORY hides that the part is a link.
    errno = why;
    if (last || part.empty()) return fd;
    dir = fd;
    rest.remove_prefix(slash);
  }
  return -1;
}

void fill(FileInfo& info, const struct stat& st) {
  info.dir = S_ISDIR(st.st_mode);
  info.regular = S_ISREG(st.st_mode);
  info.size = static_cast<uint64_t>(st.st_size);
  info.mtime = st.st_mtime;
}

FileInfo failure(Str call) {
  FileInfo info;
  info.error = errno;
  info.failed = call;
  return info;
}

// ---------------------------------------------------------------- variables

bool text(Value& out, Str s) {
  out = Value::of(s);
  return true;
}
bool request_filename(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  FilePath file;
  return map_path(*ctx.txn, of(*ctx.txn).uri, file) && text(out, file.path);
}
bool document_root_variable(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  return text(out, document_root(*ctx.txn));
}
bool realpath_root(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  std::string root(document_root(*ctx.txn));
  char real[PATH_MAX];
  if (!::realpath(root.c_str(), real)) {
    log_error(ctx.txn, LogLevel::crit, errno, fmt::format("realpath() \"{}\" failed", root));
    return false;
  }
  return text(out, ctx.arena->dup(real));
}

constexpr Str kCache = "files are opened for each request; the kernel's caches are enough";
constexpr Str kSendfile = "files go out with sendfile where nothing changes them, else through reads on a thread pool";
constexpr Str kSend = "weir gathers a head and the first body bytes in one write";

const Row kTable[] = {
    {"root",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_path,
     "path",
     "directory to which the request's path is appended",
     {},
     0,
     nullptr,
     "html"},
    {"alias", kLocation, 1, 1, Block::none, Inherit::scalar, bind_path, "path",
     "path that stands in place of the location's part of the URI"},
    {"disable_symlinks",
     kHttpServerLocation,
     1,
     2,
     Block::none,
     Inherit::scalar,
     bind_symlinks,
     "off | on | if_not_owner [from=part]",
     "refuses files whose path has symbolic links, or somebody else's",
     {},
     0,
     nullptr,
     "off"},
    {"open_file_cache", kHttpServerLocation, 1, 2, Block::none, Inherit::none, nullptr, "off | max=N [inactive=time]",
     "keeps descriptors of files", kCache},
    {"open_file_cache_valid", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "time",
     "when a cached file is checked again", kCache},
    {"open_file_cache_min_uses", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "uses that keep a file in the cache", kCache},
    {"open_file_cache_errors", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "whether failed look-ups are cached", kCache},
    {"open_file_cache_events", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "whether the kernel reports changes of cached files", kCache},
    {"sendfile", kHttpEverywhere, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "whether files are sent by sendfile", kSendfile},
    {"sendfile_max_chunk", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "most that one sendfile call sends", "a connection yields after each call anyway"},
    {"aio", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "on | off | threads[=pool]",
     "whether files are read asynchronously", kSendfile},
    {"aio_write", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "whether temporary files are written asynchronously", "temporary files are unlinked and stay in the page cache"},
    {"thread_pool", kMain, 2, 3, Block::none, Inherit::none, nullptr, "name threads=number [max_queue=number]",
     "threads for reading files", "one pool serves all; UV_THREADPOOL_SIZE in the environment sizes it"},
    {"directio", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size | off",
     "reads large files past the page cache", "files are always read through the page cache"},
    {"directio_alignment", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "alignment of reads past the page cache", "files are always read through the page cache"},
    {"read_ahead", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "how far the kernel reads ahead", "the kernel finds its own read-ahead"},
    {"output_buffers", kHttpServerLocation, 2, 2, Block::none, Inherit::none, nullptr, "number size",
     "buffers for reading files", "one buffer of 32 KiB per response that is read"},
    {"tcp_nopush", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "whether heads and files share packets", kSend},
    {"send_lowat", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "least free space in the socket's buffer before more is sent", kSend},
    {"postpone_output", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "holds output back until there is this much", kSend},
};

const VariableDef kVariables[] = {
    {"request_filename", request_filename, false},
    {"document_root", document_root_variable, false},
    {"realpath_root", realpath_root, false},
};

}  // namespace

size_t alias_length(const Location& location) {
  if (!location.of<PathsConf>(kPathsModule).alias) return 0;
  const Location& owner = alias_owner(location);
  return owner.kind == MatchKind::regex ? Str::npos : owner.name.size();
}

Str document_root(Transaction& txn) {
  return evaluated_root(txn, conf_of<PathsConf>(txn, kPathsModule));
}

bool map_path(Transaction& txn, Str uri, FilePath& out) {
  const auto& conf = conf_of<PathsConf>(txn, kPathsModule);
  Str root = evaluated_root(txn, conf);
  out.root = root.size();
  Str rest = uri;
  if (conf.alias) {
    const Location& owner = alias_owner(*of(txn).location);
    if (owner.kind == MatchKind::regex) {
      Str found = of(txn).alias_uri;
      rest = found.data() == uri.data() ? found : Str{};
    } else if (!uri.starts_with(owner.name)) {
      log_error(&txn, LogLevel::alert, 0,
                fmt::format("\"alias\" cannot be used in location \"{}\" where URI was rewritten", owner.name));
      return false;
    } else {
      rest = uri.substr(owner.name.size());
    }
  }
  out.path = txn.arena.cat(root, rest);
  return true;
}

FileInfo look_at(Transaction& txn, const FilePath& file, bool open) {
  const auto& conf = conf_of<PathsConf>(txn, kPathsModule);
  FileInfo info;
  struct stat st;
  // A NUL in the decoded URI would cut the name short.
  if (file.path.find('\0') != Str::npos) {
    errno = ENOENT;
    return failure("open()");
  }
  Symlinks links = conf.symlinks.get(Symlinks::allowed);
  if (links == Symlinks::allowed && !open) {
    if (::stat(file.path.data(), &st) != 0) return failure("stat()");
    fill(info, st);
    return info;
  }
  if (links == Symlinks::allowed)
    info.fd = fault::open(fault::Site::file_open, file.path.data(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  else
    info.fd = open_checked(file.path, checked_from(txn, conf, file.path), links == Symlinks::owner);
  if (info.fd < 0) return failure(links == Symlinks::allowed ? "open()" : "openat()");
  if (::fstat(info.fd, &st) != 0) {
    FileInfo bad = failure("fstat()");
    ::close(info.fd);
    return bad;
  }
  fill(info, st);
  if (!open || !info.regular) {
    ::close(info.fd);
    info.fd = -1;
  }
  return info;
}

Next file_error(Transaction& txn, const FileInfo& info, Str path) {
  uint16_t status = 500;
  LogLevel level = LogLevel::crit;
  switch (info.error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      status = 404;
      level = LogLevel::error;
      break;
    case EACCES:
    case EMLINK:
    case ELOOP:
      status = 403;
      level = LogLevel::error;
      break;
    default: break;
  }
  if (status != 404 || conf_of<CoreConf>(txn, kCoreModule).log_not_found.get(true))
    log_error(&txn, level, info.error, fmt::format("{} \"{}\" failed", info.failed, path));
  return finish_with(txn, status);
}

const Module kPathsModule{"paths", sizeof(PathsConf), module_create<PathsConf>, kTable, merge_paths};
const std::span<const VariableDef> kPathsVariables{kVariables};

}  // namespace weir::nginx
