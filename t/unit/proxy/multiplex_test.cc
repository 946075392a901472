// Nothing above a codec may know that a connection carries one exchange at a time: two interleaved streams of a small
// multiplexing codec go over one connection through transactions, pipes and real HTTP/1 server connections.
//
// A frame of the codec: stream (1 byte), type (1 byte: H request or response, D data, E end), payload length (2 bytes, big
// endian), payload. A request's payload is its target, a response's its status.
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "balance/balancer.h"
#include "base/slab.h"
#include "proxy/forward.h"
#include "proxy/personality.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

using namespace weir;

namespace {

std::string frame(char stream, char type, Str payload = {}) {
  std::string f{stream, type, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
  return f.append(payload);
}

// Forwards everything.
class Relay final : public proxy::Personality {
 public:
  const proxy::Segment* segment = nullptr;

  Str name() const override { return "relay"; }
  void begin(proxy::Transaction& txn) const override { txn.cursors[proxy::Transaction::kRequest].start(segment); }
  void response(proxy::Transaction&) const override {}
  void filters(proxy::Transaction&) const override {}
  void error_reply(proxy::Transaction& txn, const Error&) const override { txn.reply({502, {}, {}, {}, {}, false}); }
  bool wants_retry(const proxy::Transaction&, const Error&) const override { return false; }
  void attempt_failed(proxy::Transaction&, const Error&) const override {}
  void attempt_answered(proxy::Transaction&) const override {}
  bool pick_another(const proxy::Transaction&) const override { return false; }
  void connection_refused(const model::Listener&, net::Conn*, const net::Addr&, Refusal, Str, Str) const override {}
  bool passes_interim(const proxy::Transaction&) const override { return false; }
  bool ends_quietly(bool) const override { return true; }
  void finish_head(proxy::Transaction&, http::Message&) const override {}
  void broke_off(const proxy::Transaction&, const Error&) const override {}
  void trouble(const model::Listener&, int, Str) const override {}
  void log(proxy::Transaction&) const override {}
};

class Mux;

class MuxStream final : public http::Stream {
 public:
  MuxStream(Mux& mux, char id) : mux_(mux), id_(id) {}

  void send_head(http::Message& m, bool end) override;
  void send_data(Str data, bool end, http::HeaderList*) override;
  size_t queued() const override;
  void credit(int64_t n) override {
    credit_ += n;
    deliver();
  }
  void finish() override { user = nullptr; }
  void abort() override { user = nullptr; }
  net::Conn* conn() override;

  void take(Str data, bool end) {
    held_.append(data);
    ended_ |= end;
    deliver();
  }

 private:
  void deliver() {
    if (!user || done_ || (credit_ <= 0 && !ended_)) return;
    size_t n = std::min<size_t>(held_.size(), credit_ > 0 ? static_cast<size_t>(credit_) : 0);
    std::string part = held_.substr(0, n);
    held_.erase(0, n);
    credit_ -= static_cast<int64_t>(n);
    bool last = ended_ && held_.empty();
    done_ = last;
    if (last || n) user->on_data(*this, part, last);
  }

  Mux& mux_;
  char id_;
  std::string held_;
  int64_t credit_ = 0;
  bool ended_ = false;
  bool done_ = false;
};

// The connection.
class Mux final : public net::Conn {
 public:
  Mux(proxy::Shard& shard, const model::Listener& listener, int fd)
      : Conn(shard.loop, fd), shard_(shard), listener_(listener) {
    start(false);
    read_soon();
  }

 private:
  void on_readable() override {
    char buf[4096];
    size_t got = 0;
    while (read(buf, sizeof buf, got) == Io::ok) in_.append(buf, got);
    while (in_.size() >= 4) {
      size_t size = static_cast<size_t>(static_cast<unsigned char>(in_[2]) << 8 | static_cast<unsigned char>(in_[3]));
      if (in_.size() < 4 + size) return;
      take(in_[0], in_[1], in_.substr(4, size));
      in_.erase(0, 4 + size);
    }
  }
  void on_broken() override {}
  void on_timer() override {}

  void take(char id, char type, const std::string& payload) {
    if (type != 'H') return streams_.at(id)->take(payload, type == 'E');
    auto& stream = streams_[id] = std::make_unique<MuxStream>(*this, id);
    auto* txn = Slab<proxy::Transaction>::local().make(shard_, listener_, stream.get());
    stream->user = txn;
    http::Message& m = txn->request;
    m.method = http::Method::post;
    m.method_text = "POST";
    m.target = m.path = txn->arena.dup(payload);
    m.headers.add("Host", "mux", http::Name::host);
    m.body = http::Body::chunked;
    txn->begin();
  }

  proxy::Shard& shard_;
  const model::Listener& listener_;
  std::string in_;
  std::map<char, std::unique_ptr<MuxStream>> streams_;
};

void MuxStream::send_head(http::Message& m, bool end) {
  mux_.write(frame(id_, 'H', std::to_string(m.status)));
  if (end) mux_.write(frame(id_, 'E'));
}
void MuxStream::send_data(Str data, bool end, http::HeaderList*) {
  mux_.write(frame(id_, end ? 'E' : 'D', data));
}
size_t MuxStream::queued() const {
  return mux_.queued();
}
net::Conn* MuxStream::conn() {
  return &mux_;
}

// An HTTP/1 server that answers each request with its target and its body, after both of two requests have begun.
class Origin {
 public:
  Origin() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in sa{};
    sa.sin_family = AF_INET;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(bind(fd_, reinterpret_cast<sockaddr*>(&sa), sizeof sa) == 0 && listen(fd_, 8) == 0);
    socklen_t size = sizeof sa;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&sa), &size);
    address = net::Addr::from(reinterpret_cast<sockaddr*>(&sa), size);
    thread_ = std::thread([this] { serve(); });
  }
  ~Origin() {
    thread_.join();
    close(fd_);
  }
  net::Addr address;

 private:
  struct Peer {
    int fd;
    std::string data;
  };
  static void fill(Peer& p, Str mark) {
    char buf[4096];
    for (ssize_t n = 1; p.data.find(mark) == std::string::npos && n > 0;) {
      n = recv(p.fd, buf, sizeof buf, 0);
      if (n > 0) p.data.append(buf, static_cast<size_t>(n));
    }
  }
  void serve() {
    Peer peers[2];
    for (Peer& p : peers) {
      p.fd = accept(fd_, nullptr, nullptr);
      fill(p, "\r\n\r\n");
    }
    for (Peer& p : peers) {
      fill(p, "0\r\n\r\n");
      std::string target = p.data.substr(5, p.data.find(' ', 5) - 5), body = target + ":";
      std::string rest = p.data.substr(p.data.find("\r\n\r\n") + 4);
      while (size_t size = strtoul(rest.c_str(), nullptr, 16)) {
        size_t at = rest.find("\r\n") + 2;
        body += rest.substr(at, size);
        rest.erase(0, at + size + 2);
      }
      std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      send(p.fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    for (Peer& p : peers) close(p.fd);
  }
  int fd_;
  std::thread thread_;
};

proxy::Next forward(proxy::Transaction& txn, proxy::Cursor&, const void* plan) {
  return txn.forward(static_cast<const proxy::Forward*>(plan));
}

}  // namespace

Test(multiplex, two_interleaved_streams_over_one_connection, .timeout = 10) {
  Origin origin;
  model::Model model;
  model::Pool pool;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::ServerLocal server_local;
  model::Server server;
  model::ServerState server_state;
  Relay relay;
  pool.state = &pool_state;
  pool.local = &pool_local;
  pool.personality = &relay;
  server.pool = &pool;
  server.state = &server_state;
  server.local = &server_local;
  server.addr = origin.address;
  pool.servers.push_back(&server);
  std::unique_ptr<model::Balancer> balancer(model::make_smooth_round_robin(pool));
  pool.balancer = balancer.get();
  model.add_pool(&pool);
  model.servers.push_back(&server);
  proxy::Forward plan;
  plan.pool = &pool;
  proxy::Step step{forward, &plan, {}};
  proxy::Segment segment{"relay", &step, 1, nullptr};
  relay.segment = &segment;
  model::Listener listener;
  listener.personality = &relay;

  int ends[2];
  cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  std::map<char, std::string> answers;
  std::map<char, int> done;
  {
    proxy::Crew crew;
    proxy::Shard shard(model, 0, 1, crew);
    auto* mux = new Mux(shard, listener, ends[1]);  // freed by the loop, as every connection
    std::thread client([&] {
      for (const std::string& f :
           {frame('a', 'H', "/a"), frame('b', 'H', "/b"), frame('a', 'D', "one "), frame('b', 'D', "uno "),
            frame('a', 'D', "two "), frame('b', 'E', "due"), frame('a', 'E', "three")})
        cr_assert(send(ends[0], f.data(), f.size(), 0) == static_cast<ssize_t>(f.size()));
      std::string in;
      char buf[4096];
      while (done.size() < 2) {
        ssize_t n = recv(ends[0], buf, sizeof buf, 0);
        if (n <= 0) break;
        in.append(buf, static_cast<size_t>(n));
        while (in.size() >= 4) {
          size_t size = static_cast<size_t>(static_cast<unsigned char>(in[2]) << 8 | static_cast<unsigned char>(in[3]));
          if (in.size() < 4 + size) break;
          answers[in[0]] += in.substr(4, size) + (in[1] == 'H' ? " " : "");
          if (in[1] == 'E') done[in[0]] = 1;
          in.erase(0, 4 + size);
        }
      }
      shard.post([&] { shard.loop.stop(); });
    });
    shard.run();
    client.join();
    mux->close();
  }
  close(ends[0]);
  model.pools.clear();  // this test's own, not in the model's arena
  model.pools_by_name.clear();
  cr_expect(answers['a'] == "200 /a:one two three", "%s", answers['a'].c_str());
  cr_expect(answers['b'] == "200 /b:uno due", "%s", answers['b'].c_str());
  cr_expect(server_state.total == 2 && server_state.current.read() == 0 && pool_state.current.read() == 0);
}
