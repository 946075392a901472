// auth_basic and auth_basic_user_file (ngx_http_auth_basic_module). A user file is kept in memory by each thread and read
// again when it has changed; what a password hash costs is paid on the thread of the request, as in nginx.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_map>

#include "base/fault.h"
#include "nginx/define.h"
#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/password.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Transaction;

struct AuthBasicConf {
  Setting<const Script*> realm;
  Setting<const Script*> file;
};

struct UserFile {
  timespec changed{};
  ino_t inode = 0;
  off_t size = -1;
  std::string text;
};

bool same_version(const UserFile& f, const struct stat& st) {
  return f.size == st.st_size && f.inode == st.st_ino && f.changed.tv_sec == st.st_mtim.tv_sec &&
         f.changed.tv_nsec == st.st_mtim.tv_nsec;
}

// Fills `text` from the beginning of the file; shorter where the file is.
bool read_all(int fd, std::string& text) {
  size_t have = 0;
  while (have < text.size()) {
    ssize_t n =
        fault::pread(fault::Site::file_read, fd, text.data() + have, text.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      text.resize(have);
      return n == 0;
    }
    have += static_cast<size_t>(n);
  }
  return true;
}

// The text of the file as it is now; null with errno. Good until the next call on this thread.
const std::string* user_file(const std::string& path) {
  thread_local std::unordered_map<std::string, UserFile> cache;
  int fd = fault::open(fault::Site::file_open, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  UserFile& f = cache[path];
  struct stat st;
  bool good = ::fstat(fd, &st) == 0;
  if (good && !same_version(f, st)) {
    f.text.resize(static_cast<size_t>(st.st_size));
    good = read_all(fd, f.text);
    f.changed = st.st_mtim;
    f.inode = st.st_ino;
    f.size = good ? st.st_size : -1;
  }
  int error = errno;
  ::close(fd);
  errno = error;
  return good ? &f.text : nullptr;
}

// The stored password of `user`; false when the file has no such line. "user:password[:anything]", '#' begins a comment.
bool find_user(Str text, Str user, Str& stored) {
  while (!text.empty()) {
    Str line = cut(text, '\n');
    if (line.size() <= user.size() || line[0] == '#' || !line.starts_with(user) || line[user.size()] != ':') continue;
    stored = line.substr(user.size() + 1);
    stored = stored.substr(0, stored.find_first_of(":\r"));
    return true;
  }
  return false;
}

bool credentials(Transaction& txn, Str& user, Str& password) {
  Str value = txn.request.headers.value(http::Name::authorization);
  if (!istarts_with(value, "basic ")) return false;
  value = trim(value.substr(6));
  std::string padded(value.substr(0, value.find('=')));
  size_t digits = padded.size();
  while (padded.size() % 4) padded += '=';
  char* out = txn.arena.alloc_chars(padded.size() + 4);
  int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out), reinterpret_cast<const unsigned char*>(padded.data()),
                          static_cast<int>(padded.size()));
  if (n < 0) return false;
  Str decoded{out, digits * 3 / 4};
  size_t colon = decoded.find(':');
  if (colon == Str::npos) return false;
  user = decoded.substr(0, colon);
  password = decoded.substr(colon + 1);
  return true;
}

Access ask(Transaction& txn, Str realm, uint16_t& status) {
  Str value = txn.arena.cat("Basic realm=\"", realm, "\"");
  of(txn).answer_headers.push(txn.arena, {"WWW-Authenticate", value, http::Name::www_authenticate});
  status = 401;
  return Access::deny;
}

Access check(Transaction& txn, proxy::Cursor&, const void* c, uint16_t& status) {
  const auto& conf = *static_cast<const AuthBasicConf*>(c);
  Str realm = conf.realm.value->eval(txn);
  if (realm == "off") return Access::declined;
  Str user, password, stored;
  if (!credentials(txn, user, password)) {
    log_error(&txn, LogLevel::info, 0, "no user/password was provided for basic authentication");
    return ask(txn, realm, status);
  }
  std::string path(conf.file.value->eval(txn));
  const std::string* text = user_file(path);
  if (!text) {
    bool missing = errno == ENOENT;
    log_error(&txn, missing ? LogLevel::error : LogLevel::crit, errno, fmt::format("open() \"{}\" failed", path));
    status = missing ? 403 : 500;
    return Access::deny;
  }
  if (!find_user(*text, user, stored)) {
    log_error(&txn, LogLevel::error, 0, fmt::format("user \"{}\" was not found in \"{}\"", user, path));
    return ask(txn, realm, status);
  }
  if (password_matches(password, stored)) return Access::allow;
  log_error(&txn, LogLevel::error, 0, fmt::format("user \"{}\": password mismatch", user));
  return ask(txn, realm, status);
}

void bind_file(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& file = static_cast<AuthBasicConf*>(scope.conf)->file;
  std::string path = full_path(scope, d.arg(0).text, true);
  file = compile_script(scope.arena, scope.http->variables, path, d.arg(0).where, scope.diag);
}

void compile(Scope&, Location& l, void* c) {
  const auto& conf = *static_cast<AuthBasicConf*>(c);
  bool off = !conf.realm.set || (conf.realm.value->constant() && conf.realm.value->constant_text() == "off");
  if (!off && conf.file.set) l.access.push_back({check, c});
}

const Row kTable[] = {
    {"auth_basic",
     kHttpServerLocation | kLimitExcept,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_value,
     "string | off",
     "asks for a user and password, with this realm",
     {},
     WEIR_FIELD(AuthBasicConf, realm),
     "off"},
    {"auth_basic_user_file",
     kHttpServerLocation | kLimitExcept,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_file,
     "file",
     "where users and passwords are kept",
     {},
     WEIR_FIELD(AuthBasicConf, file)},
};

}  // namespace

const Module kAuthBasicModule{"auth_basic", sizeof(AuthBasicConf), module_create<AuthBasicConf>, kTable, nullptr,
                              compile};

}  // namespace weir::nginx
