// `show info`, `show stat` and `clear counters`.
#include "control/command.h"
#include "stats/walk.h"

namespace weir::control {
namespace {

using stats::Form;

struct Wish {
  Form form = Form::plain;
  bool help = false;
  bool real_numbers = false;
  stats::Selection selection;
};

int64_t to_number(Str text) {
  bool negative = text.starts_with('-');
  auto n = parse_u64(negative ? text.substr(1) : text);
  return n ? (negative ? -1 : 1) * static_cast<int64_t>(*n) : 0;
}

void take_options(const Call& call, size_t from, Wish& wish) {
  for (size_t i = from; i < call.words.size(); i++) {
    Str word = call.words[i];
    if (word == "typed") wish.form = Form::typed;
    if (word == "json") wish.form = Form::json;
    if (word == "desc") wish.help = true;
    if (word == "float") wish.real_numbers = true;
    if (word == "no-maint") wish.selection.hide_maint = true;
    if (word == "up") wish.selection.hide_down = true;
  }
}

Outcome show_info(Call& call) {
  Wish wish;
  take_options(call, 2, wish);
  Server& server = call.server;
  stats::append_info(call.out,
                     stats::info_line(server.catalogue(), server.stopping(), server.moment(), wish.real_numbers),
                     wish.form, wish.help);
  return Outcome::done;
}

void print_stat(Call& call, const Wish& wish) {
  using Stop = stats::Walk::Stop;
  stats::append_stat_head(call.out, wish.form);
  stats::Walk walk(call.server.catalogue(), wish.selection, call.server.moment());
  bool first = true;
  for (Stop stop; (stop = walk.next()) != Stop::end;) {
    if (stop == Stop::opened || stop == Stop::closed) continue;
    stats::append_stat_line(call.out, walk.line(), wish.form, wish.help, first);
    first = false;
  }
  stats::append_stat_end(call.out, wish.form);
}

Outcome show_stat(Call& call) {
  Wish wish;
  size_t at = 2;
  if (call.word(at) == "domain") {
    if (call.word(at + 1) == "resolvers") return call.refuse("weir keeps no statistics of resolvers.\n");
    if (call.word(at + 1) != "proxy") return call.refuse("Invalid statistics domain.\n");
    at += 2;
  }
  if (call.words.size() >= at + 3) {
    const stats::ProxyEntry* p = call.server.catalogue().find(call.word(at), false, false);
    wish.selection.proxy = p ? p->id : to_number(call.word(at));
    if (wish.selection.proxy == 0) return call.refuse("No such proxy.\n");
    wish.selection.kinds = to_number(call.word(at + 1));
    wish.selection.server = to_number(call.word(at + 2));
    at += 3;
  }
  take_options(call, at, wish);
  wish.selection.legends = call.session.first_level >= Level::operate;
  print_stat(call, wish);
  return Outcome::done;
}

// --- clear counters ---

void clear_times(stats::Times& t, bool all) {
  for (stats::Mean* mean : {&t.queue, &t.connect, &t.response, &t.total}) {
    if (all)
      mean->clear();
    else
      mean->clear_max();
  }
}

void clear_server(model::ServerState& s, bool all) {
  s.max_current = s.current.read();
  s.rate.clear_max();
  clear_times(s.times, all);
  if (!all) return;
  for (auto* c : {&s.total, &s.chosen, &s.bytes_in, &s.bytes_out, &s.connect_errors, &s.response_errors, &s.retries,
                  &s.redispatches, &s.denied_responses, &s.connects, &s.reuses, &s.client_aborts, &s.server_aborts,
                  &s.health.failed, &s.health.downs, &s.health.observed})
    *c = 0;
  for (auto& status : s.status) status = 0;
}

void clear_pool(model::PoolState& s, bool all) {
  s.max_current = s.current.read();
  s.rate.clear_max();
  clear_times(s.times, all);
  if (!all) return;
  for (auto* c : {&s.total, &s.chosen, &s.connect_errors, &s.response_errors, &s.retries, &s.redispatches, &s.downs})
    *c = 0;
}

void clear_proxy(const stats::ProxyEntry& p, bool all) {
  for (stats::ProxyCounters* c : {p.front_counters, p.back_counters}) {
    if (all)
      c->clear();
    else
      c->clear_max();
  }
  if (!p.pool) return;
  clear_pool(*p.pool->state, all);
  for (const model::Server* s : p.pool->servers) clear_server(*s->state, all);
}

Outcome clear_counters(Call& call) {
  bool all = call.word(2) == "all";
  if (call.word(2) == "server") {
    if (!call.allowed(Level::admin)) return Outcome::done;
    const model::Server* s = call.find_server(call.word(3));
    if (!s) return Outcome::done;
    clear_server(*s->state, true);
    return call.say("Server counters cleared.\n", Severity::notice);
  }
  if (all && !call.allowed(Level::admin)) return Outcome::done;
  for (const stats::ProxyEntry& p : call.server.catalogue().proxies) clear_proxy(p, all);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "info"}, Level::user, "show info [desc|json|typed|float]*", "about the process", show_info},
    {{"show", "stat"},
     Level::user,
     "show stat [desc|json|no-maint|typed|up]*",
     "counters of proxies and servers",
     show_stat},
    {{"clear", "counters"},
     Level::operate,
     "clear counters [all|server <bk>/<srv>]",
     "forget highest values, or all, or one server's counters",
     clear_counters},
};

}  // namespace

const Commands kStatCommands = kRows;

}  // namespace weir::control
