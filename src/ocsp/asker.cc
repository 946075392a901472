// See ocsp/asker.h.
#include "ocsp/asker.h"

#include <errno.h>
#include <fmt/format.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "base/arena.h"
#include "base/fault.h"
#include "expr/encode.h"
#include "net/conn.h"
#include "proxy/names.h"
#include "proxy/shard.h"

namespace weir::ocsp {
namespace {

constexpr size_t kMostAnswer = 64 * 1024;
constexpr size_t kMostTarget = 255;  // bytes of a target that caches may be expected to take (RFC 5019 5)

// Of a HTTP answer.
struct Reply {
  bool complete = false;
  Str body;
  std::string problem;
};

Str header(Str head, Str name) {
  cut(head, '\n');
  while (!head.empty()) {
    Str value = cut(head, '\n');
    if (value.ends_with('\r')) value.remove_suffix(1);
    if (iequals(trim(cut(value, ':')), name)) return trim(value);
  }
  return {};
}

// `all`: the connection has ended.
Reply read_reply(Str text, bool all) {
  Reply reply;
  // Some responders end lines as they like; nothing depends on it here.
  const size_t bare = text.find("\n\n"), whole = text.find("\r\n\r\n");
  const size_t end = std::min(bare, whole);
  if (end == Str::npos) {
    if (all) reply.problem = "OCSP responder prematurely closed connection";
    return reply;
  }
  const Str head = text.substr(0, end);
  reply.body = text.substr(end + (bare < whole ? 2 : 4));
  if (!head.starts_with("HTTP/1.") || head.size() < 12) {
    reply.problem = "OCSP responder sent no valid HTTP";
  } else if (head.substr(9, 3) != "200") {
    reply.problem = fmt::format("OCSP responder answered {}", head.substr(9, head.find('\r') - 9));
  } else if (!iequals(header(head, "Content-Type"), "application/ocsp-response")) {
    reply.problem =
        fmt::format("OCSP responder sent invalid \"Content-Type\" header: \"{}\"", header(head, "Content-Type"));
  } else if (!header(head, "Transfer-Encoding").empty()) {
    reply.problem = "OCSP responder sent an answer to HTTP/1.0 in pieces";
  } else if (const Str length = header(head, "Content-Length"); !length.empty()) {
    const auto n = parse_u64(length);
    if (!n || *n > kMostAnswer)
      reply.problem = "OCSP responder sent invalid \"Content-Length\" header";
    else if (reply.body.size() >= *n)
      reply.body = reply.body.substr(0, *n), reply.complete = true;
    else if (all)
      reply.problem = "OCSP responder prematurely closed connection";
  } else {
    reply.complete = all;
  }
  return reply;
}

std::string http_request(const Responder& to, const std::string& der) {
  Arena arena;
  std::string target(expr::encode_url(expr::encode_base64(der, false, arena), arena));
  const std::string host = to.port == 80 ? to.host : fmt::format("{}:{}", to.host, to.port);
  target = to.path + (to.path.ends_with('/') ? "" : "/") + target;
  if (target.size() <= kMostTarget)
    return fmt::format("GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/ocsp-response\r\n\r\n", target, host);
  return fmt::format(
      "POST {} HTTP/1.0\r\nHost: {}\r\nAccept: application/ocsp-response\r\nContent-Type: application/ocsp-request\r\n"
      "Content-Length: {}\r\n\r\n{}",
      to.path, host, der.size(), der);
}

}  // namespace

struct Asker::Question {
  Responder responder;
  std::string text;  // the HTTP request
  int from;
  Then then;
  size_t next = 0;  // address to try
  Query* query = nullptr;
  std::weak_ptr<Question> self;
};

class Asker::Query final : public net::Conn {
 public:
  Query(Asker& owner, Question& q, int fd) : Conn(owner.shard_->loop, fd), owner_(owner), question_(q) {}
  void give_up() {
    done_ = true;
    disarm();
    close();
  }

 private:
  void on_connected() override { write(question_.text); }
  void on_readable() override {
    for (size_t got = 0; !done_;) {
      const Io io = read(loop().read_buffer(), net::Loop::kReadBuffer, got);
      if (io == Io::again) return;
      if (io == Io::error) return failed(strerror(last_errno()));
      if (io == Io::ok) answer_.append(loop().read_buffer(), got);
      const Reply reply = read_reply(answer_, io == Io::eof);
      if (!reply.problem.empty()) return end({}, reply.problem);
      if (reply.complete) return end(std::string(reply.body), {});
      if (answer_.size() > kMostAnswer) return end({}, "OCSP responder sent too much");
    }
  }
  void on_broken() override {
    if (!done_) failed(strerror(last_errno()));
  }
  void on_timer() override { end({}, "OCSP responder timed out"); }

  // Another address may do better while nothing has come.
  void failed(Str why) {
    const bool more = answer_.empty() && question_.next < question_.responder.addrs.size();
    const std::string problem = fmt::format("OCSP responder cannot be spoken to: {}", why);
    if (!more) return end({}, problem);
    give_up();
    question_.query = nullptr;
    owner_.connect(question_);
  }
  void end(const std::string& der, const std::string& problem) {
    give_up();
    question_.query = nullptr;
    owner_.finish(question_, der, problem);
  }

  Asker& owner_;
  Question& question_;
  std::string answer_;
  bool done_ = false;
};

bool parse_responder(Str url, Responder& out, std::string& problem) {
  if (!istarts_with(url, "http://")) return problem = "invalid URL prefix", false;
  url.remove_prefix(7);
  const size_t slash = std::min(url.find('/'), url.size());
  Str host = url.substr(0, slash);
  out.path = slash < url.size() ? std::string(url.substr(slash)) : "/";
  out.port = 80;
  const size_t colon = host.rfind(':');
  if (colon != Str::npos && host.find(']', colon) == Str::npos) {
    const auto port = parse_u64(host.substr(colon + 1));
    if (!port || !*port || *port > 65535) return problem = "invalid port", false;
    out.port = static_cast<uint16_t>(*port);
    host = host.substr(0, colon);
  }
  if (host.empty()) return problem = "no host", false;
  out.host = std::string(host);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  net::Addr addr;
  if (net::parse_ip(host, addr)) {
    addr.port = out.port;
    out.addrs = {addr};
  }
  return true;
}

void look_up(Responder& responder) {
  if (!responder.addrs.empty() || responder.host.empty()) return;
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(responder.host.c_str(), nullptr, &hints, &found) != 0) return;
  for (const addrinfo* a = found; a; a = a->ai_next) {
    net::Addr addr = net::Addr::from(a->ai_addr, a->ai_addrlen);
    addr.port = responder.port;
    responder.addrs.push_back(addr);
  }
  freeaddrinfo(found);
}

Asker::Asker() = default;
Asker::~Asker() = default;

void Asker::start(proxy::Shard& shard) {
  shard_ = &shard;
}

void Asker::end() {
  for (const auto& q : questions_)
    if (q->query) q->query->give_up();
  questions_.clear();
  shard_ = nullptr;
}

void Asker::ask(proxy::Shard& from, const Responder& responder, std::string request, Then then) {
  auto question = std::make_shared<Question>(responder, http_request(responder, request), from.index, std::move(then));
  question->self = question;
  auto take = [this, question] {
    if (!shard_) return;
    questions_.push_back(question);
    begin(*question);
  };
  if (from.index == 0)
    from.post(take);
  else
    from.post_to(0, [take](proxy::Shard&) { take(); });
}

void Asker::begin(Question& q) {
  if (!q.responder.addrs.empty() || !q.responder.names) {
    if (q.responder.addrs.empty())
      return finish(q, {}, fmt::format("no resolver defined to resolve {}", q.responder.host));
    return connect(q);
  }
  q.responder.names->ask(*shard_, q.responder.host, [this, &q, alive = q.self](const proxy::FoundPtr& found) {
    if (alive.expired()) return;
    const net::DnsStatus status = found ? found->status : net::DnsStatus::timeout;
    if (status != net::DnsStatus::ok)
      return finish(q, {}, fmt::format("{} could not be resolved ({})", q.responder.host, proxy::dns_text(status)));
    for (const net::DnsRecord& r : found->records) {
      q.responder.addrs.push_back(r.addr);
      q.responder.addrs.back().port = q.responder.port;
    }
    connect(q);
  });
}

void Asker::connect(Question& q) {
  int error = 0;
  while (q.next < q.responder.addrs.size()) {
    const net::Addr& addr = q.responder.addrs[q.next++];
    const int fd = fault::socket(fault::Site::socket, addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_storage ss;
    const socklen_t size = addr.to(ss);
    if (fd < 0 || (fault::connect(fault::Site::connect, fd, reinterpret_cast<sockaddr*>(&ss), size) != 0 &&
                   errno != EINPROGRESS)) {
      error = errno;
      if (fd >= 0) ::close(fd);
      continue;
    }
    q.query = new Query(*this, q, fd);
    q.query->set_peer(addr);
    q.query->arm(q.responder.timeout_ms);
    if (q.query->start(true)) return;
    error = errno;
    q.query->give_up();
    q.query = nullptr;
  }
  finish(q, {}, fmt::format("OCSP responder cannot be spoken to: {}", strerror(error)));
}

void Asker::finish(Question& q, const std::string& der, const std::string& problem) {
  auto tell = [then = std::move(q.then), der, problem] { then(der, problem); };
  if (q.from == 0)
    shard_->post(tell);
  else
    shard_->post_to(q.from, [tell](proxy::Shard&) { tell(); });
  questions_.remove_if([&q](const auto& one) { return one.get() == &q; });
}

}  // namespace weir::ocsp
