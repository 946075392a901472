// See net/resolver.h. c-ares makes and matches packets; its sockets are watched by libuv, which tells again while there is more
// to read: c-ares takes one piece at a time from a TCP connection.
#include "net/resolver.h"

#include <ares.h>
#include <string.h>
#include <uv.h>

#include <algorithm>

namespace weir::net {

struct Resolver::Question {
  Resolver* resolver;
  RecordType type;
  Then then;
};

struct Resolver::Watch {
  uv_poll_t poll;
  int fd;
  Resolver* resolver;
};

namespace {

DnsStatus status_of(int ares) {
  switch (ares) {
    case ARES_SUCCESS: return DnsStatus::ok;
    case ARES_ENODATA: return DnsStatus::no_data;
    case ARES_EFORMERR: return DnsStatus::bad_format;
    case ARES_ESERVFAIL: return DnsStatus::server_failure;
    case ARES_ENOTFOUND: return DnsStatus::no_such_name;
    case ARES_ENOTIMP: return DnsStatus::not_implemented;
    case ARES_EREFUSED: return DnsStatus::refused;
    case ARES_ETIMEOUT: return DnsStatus::timeout;
    case ARES_ECONNREFUSED: return DnsStatus::unreachable;
    default: return DnsStatus::invalid;
  }
}

uint16_t u16(const unsigned char* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}
uint32_t u32(const unsigned char* p) {
  return static_cast<uint32_t>(u16(p)) << 16 | u16(p + 2);
}

// The name at `at`, which is left behind it. False: there is none.
bool take_name(const unsigned char* packet, int size, const unsigned char*& at, std::string& out) {
  char* name = nullptr;
  long used = 0;
  if (at >= packet + size || ares_expand_name(at, packet, size, &name, &used) != ARES_SUCCESS) return false;
  out = name;
  ares_free_string(name);
  at += used;
  return true;
}

bool same_name(Str a, Str b) {
  if (a.ends_with('.')) a.remove_suffix(1);
  if (b.ends_with('.')) b.remove_suffix(1);
  return iequals(a, b);
}

bool take_record(const unsigned char* packet, int size, const unsigned char* data, uint16_t length, RecordType type,
                 DnsRecord& out) {
  switch (type) {
    case RecordType::a:
      if (length != 4) return false;
      out.addr.family = AF_INET;
      memcpy(&out.addr.v4, data, 4);
      return true;
    case RecordType::aaaa:
      if (length != 16) return false;
      out.addr.family = AF_INET6;
      memcpy(&out.addr.v6, data, 16);
      return true;
    case RecordType::srv: {
      if (length < 7) return false;
      out.priority = u16(data);
      out.weight = u16(data + 2);
      out.port = u16(data + 4);
      const unsigned char* at = data + 6;
      return take_name(packet, size, at, out.target);
    }
  }
  return false;
}

}  // namespace

DnsAnswer read_answer(const unsigned char* packet, int size, RecordType type) {
  constexpr uint16_t kCname = 5, kInternet = 1;
  constexpr int kHead = 12, kQuestionTail = 4, kRecordHead = 10;
  DnsAnswer answer{.status = DnsStatus::invalid};
  if (size < kHead) return answer;
  const int code = packet[3] & 15, questions = u16(packet + 4), records = u16(packet + 6);
  if (code) {
    answer.status = code <= 5 ? static_cast<DnsStatus>(code) : DnsStatus::server_failure;
    return answer;
  }
  const unsigned char *at = packet + kHead, *end = packet + size;
  std::string wanted, name;
  if (questions != 1 || !take_name(packet, size, at, wanted) || end - at < kQuestionTail) return answer;
  at += kQuestionTail;
  const std::string asked = wanted;
  uint32_t ttl = UINT32_MAX;
  for (int i = 0; i < records; i++) {
    if (!take_name(packet, size, at, name) || end - at < kRecordHead) return {.status = DnsStatus::invalid};
    const uint16_t kind = u16(at), zone = u16(at + 2), length = u16(at + 8);
    const uint32_t own_ttl = u32(at + 4);
    at += kRecordHead;
    if (end - at < length) return {.status = DnsStatus::invalid};
    const unsigned char* data = at;
    at += length;
    if (zone != kInternet || !same_name(name, wanted)) continue;
    if (kind == kCname) {
      const unsigned char* alias = data;
      if (!take_name(packet, size, alias, wanted)) return {.status = DnsStatus::invalid};
    } else if (kind == static_cast<uint16_t>(type)) {
      DnsRecord record;
      if (!take_record(packet, size, data, length, type, record)) return {.status = DnsStatus::invalid};
      answer.records.push_back(std::move(record));
    } else {
      continue;
    }
    ttl = std::min(ttl, own_ttl);
  }
  answer.status = answer.records.empty() ? DnsStatus::no_data : DnsStatus::ok;
  if (answer.records.empty() && !same_name(wanted, asked)) answer.alias = wanted;
  answer.ttl_s = ttl == UINT32_MAX ? 0 : std::min<uint32_t>(ttl, INT32_MAX);
  return answer;
}

Resolver::Resolver(Loop& loop, const Addr& server, ResolverOptions options) : loop_(loop) {
  static const int ready = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options o{};
  // What an answer says is for us to judge.
  o.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_STAYOPEN;
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  o.timeout = static_cast<int>(std::max<uint32_t>(1, options.timeout_ms));
  o.tries = 1;
  o.sock_state_cb = on_socket;
  o.sock_state_cb_data = this;
  if (options.tcp) o.flags |= ARES_FLAG_USEVC;
  if (options.payload) {
    o.flags |= ARES_FLAG_EDNS;
    o.ednspsz = static_cast<int>(options.payload);
    mask |= ARES_OPT_EDNSPSZ;
  }
  if (ready != ARES_SUCCESS || ares_init_options(&channel_, &o, mask) != ARES_SUCCESS) {
    channel_ = nullptr;
    return;
  }
  if (ares_set_servers_ports_csv(channel_, server.text().c_str()) == ARES_SUCCESS) return;
  ares_destroy(channel_);
  channel_ = nullptr;
}

Resolver::~Resolver() {
  if (channel_) ares_destroy(channel_);  // answers all questions and ends all watches
  loop_.disarm(*this);
}

void Resolver::ask(const std::string& name, RecordType type, Then then) {
  if (!channel_) return then({.status = DnsStatus::unreachable});
  auto* question = new Question{this, type, std::move(then)};
  constexpr int kInternet = 1;
  ares_query(channel_, name.c_str(), kInternet, static_cast<int>(type), on_answer, question);
  set_timer();
}

void Resolver::on_answer(void* arg, int status, int, unsigned char* packet, int size) {
  std::unique_ptr<Question> question(static_cast<Question*>(arg));
  DnsAnswer answer;
  if (packet && size > 0)
    answer = read_answer(packet, size, question->type);
  else
    answer.status = status == ARES_SUCCESS ? DnsStatus::invalid : status_of(status);
  if (status != ARES_EDESTRUCTION) question->then(answer);
}

void Resolver::on_socket(void* arg, int fd, int readable, int writable) {
  static_cast<Resolver*>(arg)->watch(fd, readable, writable);
}

void Resolver::watch(int fd, bool readable, bool writable) {
  auto it = std::find_if(watches_.begin(), watches_.end(), [&](Watch* w) { return w->fd == fd; });
  if (!readable && !writable) {
    if (it == watches_.end()) return;
    Watch* gone = *it;
    watches_.erase(it);
    uv_poll_stop(&gone->poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&gone->poll), [](uv_handle_t* h) { delete static_cast<Watch*>(h->data); });
    loop_.uv_touched();
    return;
  }
  Watch* w = it == watches_.end() ? nullptr : *it;
  if (!w) {
    w = new Watch{{}, fd, this};
    if (uv_poll_init_socket(loop_.uv(), &w->poll, fd) != 0) {
      delete w;  // the question runs into its time
      return;
    }
    w->poll.data = w;
    watches_.push_back(w);
  }
  uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                [](uv_poll_t* p, int status, int events) {
                  auto* watch = static_cast<Watch*>(p->data);
                  Resolver* self = watch->resolver;
                  const bool failed = status < 0;
                  ares_process_fd(self->channel_, failed || (events & UV_READABLE) ? watch->fd : ARES_SOCKET_BAD,
                                  failed || (events & UV_WRITABLE) ? watch->fd : ARES_SOCKET_BAD);
                  self->set_timer();
                });
  loop_.uv_touched();
}

void Resolver::set_timer() {
  timeval most{}, *next = ares_timeout(channel_, nullptr, &most);
  loop_.disarm(*this);
  if (!next) return;
  loop_.arm(*this, static_cast<uint64_t>(next->tv_sec) * 1000 + static_cast<uint64_t>(next->tv_usec) / 1000 + 1);
}

void Resolver::on_timer() {
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  set_timer();
}

}  // namespace weir::net
