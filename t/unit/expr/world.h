#pragma once
// A transaction on a shard that nobody runs, with one request, one response and tables of variables: what expressions
// of unit tests look at. One World per test.
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "config/diag.h"
#include "config/tree.h"
#include "expr/hooks.h"
#include "haproxy/sample.h"
#include "http/h1_parser.h"
#include "net/conn.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::test {

// A connection whose peer is set by hand.
class FakeConn final : public net::Conn {
 public:
  explicit FakeConn(net::Loop& loop) : Conn(loop, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~FakeConn() override = default;

 protected:
  void on_readable() override {}
  void on_broken() override {}
  void on_timer() override {}
};

struct World {
  model::Model model;
  model::Listener listener;
  proxy::Crew crew;
  proxy::Shard shard{model, 0, 1, crew};
  proxy::Transaction txn{shard, listener, nullptr};
  FakeConn conn{shard.loop};
  Arena arena;
  config::Diagnostics diag;
  expr::References references;
  expr::PatternSources patterns;
  haproxy::ParseEnv env{arena, diag, &references, &patterns};
  expr::VarTable vars[expr::kScopeCount];
  expr::Ctx ctx;

  World() {
    current() = this;
    listener.name = "web";
    ctx.txn = &txn;
    ctx.client = &conn;
    ctx.arena = &txn.arena;
    expr::hooks = {};
    expr::hooks.variables = [](const expr::Ctx&, expr::Scope scope) {
      return &current()->vars[static_cast<int>(scope)];
    };
    net::Addr peer;
    net::parse_ip("192.0.2.7", peer);
    peer.port = 4321;
    conn.set_peer(peer);
  }
  ~World() { expr::hooks = {}; }

  static World*& current() {
    static World* w = nullptr;
    return w;
  }

  void request(const std::string& head) {
    static const http::H1Limits limits;
    http::parse_request_head(txn.arena.dup(head), limits, txn.request);
  }
  void response(const std::string& head) {
    static const http::H1Limits limits;
    http::parse_response_head(txn.arena.dup(head), limits, http::Method::get, false, txn.response);
  }

  // The text that `sample` yields; "(none)" when it yields nothing, the error in brackets when it cannot be parsed.
  std::string value(const std::string& sample) {
    haproxy::SampleError error;
    const expr::Expr* e = haproxy::parse_sample_text(arena.dup(sample), env, {}, error);
    if (!e) return "[" + error.text + "]";
    expr::Value v;
    if (!e->eval(ctx, v)) return "(none)";
    if (v.type == expr::Type::binary) return "0x" + std::string(expr::to_text(v, arena));
    return std::string(expr::to_text(v, arena));
  }
  std::string remedy(const std::string& sample) {
    haproxy::SampleError error;
    haproxy::parse_sample_text(arena.dup(sample), env, {}, error);
    return error.remedy;
  }
};

// Words as the line lexer would give them: separated by blanks, double quotes keep blanks.
inline std::vector<config::Word> words_of(Arena& arena, const std::string& line) {
  std::vector<config::Word> out;
  std::string word;
  bool quoted = false;
  bool any = false;
  auto finish = [&] {
    if (any) out.push_back({arena.dup(word), config::Quote::none, {}});
    word.clear();
    any = false;
  };
  for (char c : line) {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      finish();
    } else {
      word += c;
      any = true;
    }
  }
  finish();
  return out;
}

}  // namespace weir::test

#define expect_value(world, sample, text)                                                     \
  do {                                                                                        \
    std::string got_ = (world).value(sample);                                                 \
    cr_expect(got_ == std::string(text), "%s: got \"%s\", want \"%s\"", sample, got_.c_str(), \
              std::string(text).c_str());                                                     \
  } while (0)
