// Requests and TCP connections under way (HAProxy calls both streams, and sessions in its commands): listing and ending
// them. Each shard looks at its own.
#include <fmt/format.h>
#include <stdlib.h>

#include "control/command.h"
#include "control/words.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::control {
namespace {

using proxy::Transaction;

struct Filter {
  uint64_t id = 0;  // 0: all
  bool full = false;
  bool uri = false;
  uint64_t min_age_ms = 0;
  const model::Server* server = nullptr;
  const model::Pool* pool = nullptr;
  const stats::ProxyEntry* front = nullptr;
};

Str proxy_of(const stats::Catalogue& catalogue, const model::Listener& listener) {
  for (const stats::ProxyEntry& p : catalogue.proxies)
    for (const model::Listener* l : p.listeners)
      if (l == &listener) return p.name;
  return listener.name;
}

bool matches(const Filter& f, const Transaction& t, uint64_t now_ms) {
  if (f.id && f.id != t.id) return false;
  if (f.min_age_ms && now_ms - t.times.head_ms < f.min_age_ms) return false;
  if (f.server && t.server != f.server) return false;
  if (f.pool && t.pool != f.pool) return false;
  if (!f.front) return true;
  for (const model::Listener* l : f.front->listeners)
    if (l == &t.listener) return true;
  return false;
}

Str protocol_name(const net::Addr& a) {
  return a.family == AF_INET ? "tcpv4" : a.family == AF_INET6 ? "tcpv6" : "unix_stream";
}

// "5s", "2m10s", "1h2m", "3d5h": the two largest units.
std::string human_time(uint64_t s) {
  const std::pair<uint64_t, char> kUnits[] = {
      {s / 86400, 'd'}, {s / 3600 % 24, 'h'}, {s / 60 % 60, 'm'}, {s % 60, 's'}};
  std::string text;
  int left = 2;
  for (auto [n, unit] : kUnits) {
    if (left == 0 || (!n && !(unit == 's' && text.empty()))) continue;
    text += fmt::format("{}{}", n, unit);
    left--;
  }
  return text;
}

void describe(std::string& out, const Transaction& t, const Filter& f, const stats::Catalogue& catalogue) {
  uint64_t age = (t.shard.loop.now() - t.times.head_ms) / 1000;
  std::string source = "unix:1";
  if (t.client && t.client->conn() && t.client->conn()->peer().is_ip()) source = t.client->conn()->peer().text();
  out += fmt::format("{:#x}: proto={} src={} fe={} be={} srv={} ts=00 age={}", t.id, protocol_name(t.listener.addr),
                     source, proxy_of(catalogue, t.listener), t.pool ? t.pool->name : Str("<NONE>"),
                     t.server ? t.server->name : Str("<none>"), human_time(age));
  if (f.uri && !t.request.target.empty())
    out += fmt::format(" uri=\"{} {} HTTP/{}.{}\"", t.request.method_text, t.request.target, t.request.version / 10,
                       t.request.version % 10);
  out += '\n';
  if (!f.full) return;
  out += fmt::format("  shard={} tries={} request={}:{} body={} response={}:{} status={}\n", t.shard.index,
                     t.tries_done, t.upload_ended() ? "complete" : "open", t.request_sent() ? "sent" : "kept",
                     t.body_received, t.response_complete() ? "complete" : "open",
                     t.response_started ? "started" : "not started", t.response.status);
}

constexpr Str kHelp =
    "Usage: show sess [<id> | all | help] [<options>*]\n"
    "Lists the requests and connections under way:\n"
    "   <id>         only this one, in full (0x...)\n"
    "   all          all of them in full\n"
    "   help         shows this\n"
    "Options: \n"
    "   show-uri     with the target of the request\n"
    "   older <age>  only those older than <age> seconds\n"
    "   server <b/s> only those on this server\n"
    "   backend <b>  only those of this backend\n"
    "   frontend <f> only those of this frontend\n";

// One option with its argument; false after saying what is wrong.
bool take_option(Call& call, size_t& at, Filter& f) {
  Str option = call.word(at);
  Str name = call.word(at + 1);
  if (option == "show-uri" || option == "susp") {
    f.uri |= option == "show-uri";
    at++;
    return true;
  }
  bool known = option == "server" || option == "backend" || option == "frontend";
  if (!known) {
    call.refuse(fmt::format("Unsupported option '{}', try 'help' for more info.\n", option));
    return false;
  }
  if (f.server || f.pool || f.front) {
    call.refuse("Only one of backend, frontend or server may be set.\n");
    return false;
  }
  if (name.empty()) {
    call.refuse(option == "server" ? "Missing server name (<backend>/<server>).\n"
                                   : fmt::format("Missing {} name.\n", option));
    return false;
  }
  at += 2;
  if (option == "server") return (f.server = call.find_server(name)) != nullptr;
  if (option == "frontend") return (f.front = call.front(name)) != nullptr;
  const stats::ProxyEntry* back = call.server.catalogue().find_back(name);
  if (!back) {
    call.refuse("No such backend.\n");
    return false;
  }
  f.pool = back->pool;
  return true;
}

Outcome show_sessions(Call& call) {
  Filter f;
  size_t at = 2;
  Str first = call.word(at);
  if (first == "help") return call.refuse(kHelp);
  if (first == "older") {
    if (call.word(at + 1).empty()) return call.refuse("Expects a minimum age (in seconds by default).\n");
    auto seconds = parse_duration(call.word(at + 1), 1000);
    if (!seconds) return call.refuse("Invalid age.\n");
    f.min_age_ms = *seconds * 1000;
    f.full = true;
    at += 2;
  } else if (first == "all") {
    f.full = true;
    at++;
  } else if (!first.empty() && is_digit(first[0])) {
    f.id = strtoull(call.words[at].c_str(), nullptr, 0);
    f.full = true;
    at++;
  }
  while (at < call.words.size())
    if (!take_option(call, at, f)) return Outcome::done;
  const stats::Catalogue* catalogue = &call.server.catalogue();
  call.server.ask_shards(
      call.session,
      [f, catalogue](proxy::Shard& shard) {
        std::string out;
        for (Transaction* t = shard.live.front(); t; t = shard.live.next(t))
          if (!t->finished() && matches(f, *t, shard.loop.now())) describe(out, *t, f, *catalogue);
        return out;
      },
      [one = f.id != 0](Session&, std::string all) {
        return one && all.empty() ? std::string("Session not found.\n") : all;
      });
  return Outcome::later;
}

// Ends what matches on all shards; `none`: the answer when nothing did, empty for no answer.
Outcome end_matching(Call& call, const Filter& f, Str none) {
  call.server.ask_shards(
      call.session,
      [f](proxy::Shard& shard) {
        std::string ended;
        for (Transaction* t = shard.live.front(); t;) {
          Transaction* next = shard.live.next(t);
          if (!t->finished() && matches(f, *t, shard.loop.now())) {
            t->kill();
            ended += '.';
          }
          t = next;
        }
        return ended;
      },
      [none](Session& session, std::string ended) {
        return ended.empty() && !none.empty() ? message(session, none, Severity::error) : std::string();
      });
  return Outcome::later;
}

Outcome shutdown_session(Call& call) {
  Filter f;
  f.id = strtoull(std::string(call.word(2)).c_str(), nullptr, 0);
  if (!f.id) return call.refuse("Session pointer expected (use 'show sess').\n");
  return end_matching(call, f, "No such session (use 'show sess').\n");
}

Outcome shutdown_server_sessions(Call& call) {
  Filter f;
  f.server = call.find_server(call.word(3));
  return f.server ? end_matching(call, f, {}) : Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "sess"},
     Level::operate,
     "show sess [help|<id>|all] [opts...]",
     "requests and connections under way",
     show_sessions},
    {{"shutdown", "session"}, Level::admin, "shutdown session [id]", "end one of them", shutdown_session},
    {{"shutdown", "sessions", "server"},
     Level::admin,
     "shutdown sessions server <bk>/<srv>",
     "end those on a server",
     shutdown_server_sessions},
};

}  // namespace

const Commands kStreamCommands = kRows;

}  // namespace weir::control
