// The plan of base/fault.h: read from the environment once, asked at every call. Nothing in the usual build.
#include "base/fault.h"

#ifdef WEIR_FAULT
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <string>

#include "base/str.h"

namespace weir::fault {
namespace {

// In the order of Site. A call on a socket has its side behind the name: recv.client, recv.server.
struct Name {
  const char* text;
  bool sides = false;
};
constexpr Name kNames[] = {
    {"accept"},       {"control.accept"}, {"socket"},         {"connect"},        {"epoll_ctl", true},
    {"recv", true},   {"send", true},     {"sendmsg", true},  {"tls_recv", true}, {"tls_send", true},
    {"sendfile"},     {"file.open"},      {"file.read"},      {"body.read"},      {"temp.open"},
    {"temp.write"},   {"temp.read"},      {"log.open"},       {"log.open_named"}, {"log.write"},
    {"log.socket"},   {"log.connect"},    {"log.send"},       {"listen.socket"},  {"config.open"},
    {"config.read"},  {"zone.create"},    {"zone.map"},       {"control.recv"},   {"control.send"},
    {"alloc.loop"},   {"alloc.config"},   {"alloc.arena"},    {"alloc.large"},    {"alloc.slab"},
    {"alloc.buffer"}, {"alloc.body"},     {"alloc.variable"},
};
static_assert(std::size(kNames) == static_cast<size_t>(Site::alloc_variable) + 1);
constexpr const char* kSides[] = {"", ".client", ".server"};

enum class When : uint8_t { at, every, from };

struct Entry {
  char site[32] = {};
  int what = 0;
  When when = When::every;
  uint64_t n = 1;
  std::atomic<uint64_t> calls = 0;
  std::atomic<uint32_t> told = 0;

  bool matches(Str name) const {
    Str mine = site;
    return name.starts_with(mine) && (name.size() == mine.size() || name[mine.size()] == '.');
  }
  // Whether the call that is made now is one of the planned ones.
  bool due(uint64_t& call) {
    call = calls.fetch_add(1, std::memory_order_relaxed) + 1;
    switch (when) {
      case When::at: return call == n;
      case When::from: return call >= n;
      case When::every: return call % n == 0;
    }
    return false;
  }
};

constexpr size_t kEntries = 16;
constexpr uint32_t kTold = 8;     // lines an entry may write
constexpr int kSockets = 16384;  // descriptors that are known by side

struct Watched {
  int epoll;
  epoll_event event;
};

struct Plan {
  Entry entries[kEntries];
  size_t size = 0;
  std::atomic<Role> roles[kSockets] = {};
  std::mutex lock;
  Watched watched[kSockets] = {};
};

[[noreturn]] void refuse(Str entry) {
  fprintf(stderr, "WEIR_FAULT: \"%.*s\" is not SITE:short|ERRNO[:at=N|every=N|from=N]\n",
          static_cast<int>(entry.size()), entry.data());
  _exit(2);
}

int error_number(Str name) {
  if (iequals(name, "short")) return kShort;
  for (int e = 1; e < 134; e++)
    if (const char* known = strerrorname_np(e); known && iequals(name, known)) return e;
  return 0;
}

void parse_entry(Entry& e, Str text) {
  Str words[3];
  Str rest = text;
  for (Str& word : words) {
    word = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  e.what = error_number(words[1]);
  if (words[0].empty() || words[0].size() >= sizeof e.site || !e.what) refuse(text);
  memcpy(e.site, words[0].data(), words[0].size());
  if (words[2].empty()) return;
  size_t equals = words[2].find('=');
  Str when = words[2].substr(0, equals);
  if (equals == Str::npos || !(e.n = strtoull(std::string(words[2].substr(equals + 1)).c_str(), nullptr, 10)))
    refuse(text);
  if (when == "at")
    e.when = When::at;
  else if (when == "from")
    e.when = When::from;
  else if (when != "every")
    refuse(text);
}

[[noreturn]] void list_sites() {
  for (const Name& name : kNames) {
    if (!name.sides) puts(name.text);
    for (int side = 1; name.sides && side < 3; side++) printf("%s%s\n", name.text, kSides[side]);
  }
  fflush(stdout);
  _exit(0);
}

bool read_environment(Plan& p) {
  const char* text = getenv("WEIR_FAULT");
  Str rest = text ? text : "";
  if (rest == "sites") list_sites();
  while (!rest.empty() && p.size < kEntries) {
    Str one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    parse_entry(p.entries[p.size++], one);
  }
  return true;
}

Plan& plan() {
  static Plan made;
  static bool read = read_environment(made);
  (void)read;
  return made;
}
// A wrong plan ends the program before it does anything.
const Plan& g_plan = plan();

Role role_of(int fd) {
  return fd >= 0 && fd < kSockets ? plan().roles[fd].load(std::memory_order_relaxed) : Role::none;
}

void ask_edge_again(int fd) {
  if (fd < 0 || fd >= kSockets) return;
  Plan& p = plan();
  std::lock_guard hold(p.lock);
  Watched& w = p.watched[fd];
  if (w.event.events & EPOLLET) ::epoll_ctl(w.epoll, EPOLL_CTL_MOD, fd, &w.event);
}

void tell(Entry& e, const char* name, uint64_t call) {
  if (e.told.fetch_add(1, std::memory_order_relaxed) >= kTold) return;
  char line[128];
  int n = snprintf(line, sizeof line, "weir fault: %s: %s at call %llu\n", name,
                   e.what == kShort ? "short" : strerrorname_np(e.what), static_cast<unsigned long long>(call));
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line, static_cast<size_t>(n));
}

// ---- TLS: a socket BIO whose reads and writes are asked for

int tls_read(BIO* bio, char* to, int size) {
  int fd = -1;
  BIO_get_fd(bio, &fd);
  BIO_clear_retry_flags(bio);
  ssize_t n = recv(Site::tls_recv, fd, to, static_cast<size_t>(size), 0);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int tls_write(BIO* bio, const char* from, int size) {
  int fd = -1;
  BIO_get_fd(bio, &fd);
  BIO_clear_retry_flags(bio);
  ssize_t n = send(Site::tls_send, fd, from, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

BIO_METHOD* tls_method() {
  static BIO_METHOD* method = [] {
    const BIO_METHOD* plain = BIO_s_socket();
    BIO_METHOD* m = BIO_meth_new(BIO_TYPE_SOCKET, "socket with faults");
    BIO_meth_set_read(m, tls_read);
    BIO_meth_set_write(m, tls_write);
    BIO_meth_set_ctrl(m, BIO_meth_get_ctrl(plain));
    BIO_meth_set_create(m, BIO_meth_get_create(plain));
    BIO_meth_set_destroy(m, BIO_meth_get_destroy(plain));
    return m;
  }();
  return method;
}

}  // namespace

int verdict(Site site, int fd) {
  Plan& p = plan();
  if (p.size == 0) return 0;
  const Name& name = kNames[static_cast<size_t>(site)];
  char full[48];
  snprintf(full, sizeof full, "%s%s", name.text, name.sides ? kSides[static_cast<size_t>(role_of(fd))] : "");
  for (size_t i = 0; i < p.size; i++) {
    Entry& e = p.entries[i];
    uint64_t call = 0;
    if (!e.matches(full) || !e.due(call)) continue;
    tell(e, full, call);
    if (e.what == kShort || e.what == EAGAIN || e.what == EINTR) ask_edge_again(fd);
    return e.what;
  }
  return 0;
}

void note_role(int fd, Role role) {
  if (fd >= 0 && fd < kSockets) plan().roles[fd].store(role, std::memory_order_relaxed);
}

void note_watched(int epoll, int op, int fd, const epoll_event* event) {
  if (fd < 0 || fd >= kSockets) return;
  Plan& p = plan();
  std::lock_guard hold(p.lock);
  p.watched[fd] = op == EPOLL_CTL_DEL ? Watched{} : Watched{epoll, *event};
}

void watch_tls(ssl_st* ssl) {
  int fd = SSL_get_fd(ssl);
  BIO* bio = BIO_new(tls_method());
  BIO_set_fd(bio, fd, BIO_NOCLOSE);
  SSL_set_bio(ssl, bio, bio);
}

}  // namespace weir::fault
#endif
