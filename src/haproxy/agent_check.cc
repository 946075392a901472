// `agent-check`: a program beside the server says what it should get (configuration.txt 5.2, agent-check): a line of words
// about its weight, limit, administrative state and health, in any order.
#include <fmt/format.h>
#include <stdlib.h>

#include "control/server_news.h"
#include "haproxy/checks.h"
#include "haproxy/scope.h"
#include "health/checks.h"
#include "health/run.h"
#include "proxy/server_mark.h"
#include "proxy/shard.h"
#include "stats/catalogue.h"
#include "stats/server_change.h"

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Status;
using model::Admin;

bool send_greeting(Run& run, const void* conf, std::string& out) {
  out = run.server().state->health.agent_send.get();
  if (out.empty()) out = *static_cast<const Str*>(conf);
  return true;
}

// A change that an operator might have made as well: it is told, and its consequences are drawn.
template <class Change>
void change_server(const model::Server& server, Change change) {
  stats::Catalogue* all = stats::catalogue();
  const stats::ProxyEntry* backend = all ? all->find_back(server.pool->name) : nullptr;
  health::Checks* checks = health::checks();
  if (!backend || !checks) return change();
  proxy::ServerMark mark(server);
  control::ServerNews news(control::teller(), *backend, server);
  change();
  news.tell({});
  if (auto follow = mark.since()) checks->everywhere()(follow);
  health::lead_trackers(server, checks->everywhere());
}

void set_admin(const model::Server& server, Str word) {
  Admin to = word == "drain" ? Admin::drain : word == "maint" ? Admin::maint : Admin::ready;
  if (server.state->admin.load() == static_cast<uint8_t>(to)) return;
  change_server(server, [&] { stats::set_admin(server, to); });
}

// "75%" of the configured weight, or a number. What is wrong, or empty.
std::string set_weight(const model::Server& server, const std::string& text) {
  char* end = nullptr;
  long n = strtol(text.c_str(), &end, 10);
  if (end == text.c_str()) return "Empty weight string empty or preceded by garbage";
  if (*end == '%' && !end[1]) {
    if (n < 0) return "Relative weight must be positive.";
    n = std::min<long>(256, server.weight * std::min<long>(n, 25600) / 100);
  } else if (*end) {
    return "Trailing garbage in weight string";
  } else if (n < 0 || n > 256) {
    return "Absolute weight can only be between 0 and 256 inclusive.";
  }
  if (server.state->weight.load() == n) return {};
  change_server(server, [&] { stats::set_weight(server, static_cast<int32_t>(n)); });
  return {};
}

std::string set_limit(const model::Server& server, const std::string& text) {
  char* end = nullptr;
  long n = strtol(text.c_str(), &end, 10);
  if (end == text.c_str()) return "maxconn string empty or preceded by garbage";
  if (*end) return "Trailing garbage in maxconn string";
  server.state->max_conns.store(static_cast<int32_t>(std::clamp<long>(n, 0, INT32_MAX)));
  if (health::Checks* checks = health::checks())
    checks->everywhere()([&server](proxy::Shard& shard) { shard.queue.place_free(*server.pool); });
  return {};
}

struct Answer {
  std::string health, admin, weight, limit, strange, why;
  Status status = Status::unchanged;
  int32_t level = -1;  // of health, when it says one
};

bool blank(char c) {
  return c == ' ' || c == '\t' || c == ',';
}

// The words of a line; of several of a kind the last one counts.
Answer read(Str line, const health::Check& check) {
  Answer a;
  while (true) {
    while (!line.empty() && blank(line[0])) line.remove_prefix(1);
    if (line.empty()) return a;
    if (line[0] == '#') {
      line.remove_prefix(1);
      a.why = trim(line);
      return a;
    }
    size_t end = 0;
    while (end < line.size() && !blank(line[end])) end++;
    std::string word(line.substr(0, end));
    line.remove_prefix(end);
    if (iequals(word, "up")) {
      a.health = word;
      a.status = Status::l7_ok;
      a.level = check.most_health();
    } else if (iequals(word, "down") || iequals(word, "stopped") || iequals(word, "fail")) {
      a.health = word;
      a.status = Status::l7_wrong;
      a.level = 0;
    } else if (iequals(word, "ready") || iequals(word, "drain") || iequals(word, "maint")) {
      for (char& c : word) c = lower(c);
      a.admin = word;
    } else if (is_digit(word[0]) && word.find('%') != std::string::npos) {
      a.weight = word;
    } else if (istarts_with(word, "weight:")) {
      a.weight = word.substr(7);
    } else if (istarts_with(word, "maxconn:")) {
      a.limit = word.substr(8);
    } else if (a.strange.empty()) {
      a.strange = word;
    }
  }
}

Next expect_line(Run& run, const void*, bool last) {
  Str in = run.input();
  size_t end = in.find_first_of(Str("\r\n\0", 3));
  if (end == Str::npos) {
    if (!last) return Next::wait;
    run.finish(in.empty() ? Status::l7_invalid : Status::unchanged,
               in.empty() ? "TCPCHK got an empty response at step 2" : "Ignoring incomplete line from agent");
    return Next::stop;
  }
  const model::Server& server = run.server();
  model::CheckState& state = server.state->health.agent;
  if (!state.enabled.load()) {
    run.finish(Status::unchanged);
    return Next::stop;
  }
  Answer a = read(in.substr(0, end), run.check());
  if (a.level >= 0) state.health.store(a.level);
  std::string warning;
  if (!a.admin.empty()) set_admin(server, a.admin);
  if (!a.weight.empty()) warning = set_weight(server, a.weight);
  if (!a.limit.empty())
    if (std::string w = set_limit(server, a.limit); warning.empty()) warning = w;
  if (!a.health.empty()) {
    std::string why = a.why;
    if (why.empty() || a.status == Status::l7_ok)
      why = !a.strange.empty() ? a.strange : !warning.empty() ? warning : why;
    run.finish(a.status, why.empty() ? fmt::format("via agent : {}", a.health)
                                     : fmt::format("via agent : {} ({})", a.health, why));
  } else if (!a.strange.empty()) {
    run.finish(a.status, fmt::format("agent reports an error : {}", a.strange));
  } else if (!warning.empty()) {
    run.finish(a.status, fmt::format("agent warns : {}", warning));
  } else {
    run.finish(a.status);
  }
  return Next::stop;
}

}  // namespace

const health::Program* agent_program(Scope& scope, const CheckOptions& options, const Where&) {
  health::Program* program = new_program(scope);
  program->steps.push(scope.arena, connect_step(scope, 0));
  health::Step send;
  send.kind = health::Step::Kind::send;
  send.send = send_greeting;
  send.conf = scope.arena.make<Str>(options.agent_send);
  send.number = 1;
  program->steps.push(scope.arena, send);
  health::Step expect;
  expect.kind = health::Step::Kind::expect;
  expect.run = expect_line;
  expect.number = 2;
  expect.again = 2;
  program->steps.push(scope.arena, expect);
  return program;
}

}  // namespace weir::haproxy
