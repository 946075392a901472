// `show info`, `show stat` and `clear counters`.
#include "control/command.h"

namespace weir::control {
namespace {

using stats::Form;

// Object types as bits of the second word of `show stat`.
enum Kinds : uint32_t { kFronts = 1, kBacks = 2, kServers = 4 };

struct Wish {
  Form form = Form::plain;
  bool help = false;
  bool real_numbers = false;
  bool hide_maint = false;
  bool hide_down = false;
  bool bound = false;  // the three below count
  int64_t proxy = -1;
  int64_t kinds = -1;
  int64_t server = -1;

  bool wants(uint32_t kind) const { return !bound || (kinds & kind); }
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
    if (word == "no-maint") wish.hide_maint = true;
    if (word == "up") wish.hide_down = true;
  }
}

Outcome show_info(Call& call) {
  Wish wish;
  take_options(call, 2, wish);
  Server& server = call.server;
  stats::append_info(call.out,
                     stats::info_line(server.catalogue(), server.process(), server.moment(), wish.real_numbers),
                     wish.form, wish.help);
  return Outcome::done;
}

class StatPrinter {
 public:
  StatPrinter(Call& call, const Wish& wish)
      : call_(call), wish_(wish), now_(call.server.moment()), legends_(call.session.first_level >= Level::operate) {}

  void print() {
    stats::append_stat_head(call_.out, wish_.form);
    for (const stats::ProxyEntry& p : call_.server.catalogue().proxies)
      if (!p.disabled && (!wish_.bound || wish_.proxy == -1 || wish_.proxy == p.id)) print_proxy(p);
    stats::append_stat_end(call_.out, wish_.form);
  }

 private:
  void print_proxy(const stats::ProxyEntry& p) {
    if (p.front && wish_.wants(kFronts)) line(stats::front_line(p, now_));
    if (!p.back) return;
    if (wish_.wants(kServers))
      for (const model::Server* s : p.pool->servers) print_server(p, *s);
    if (wish_.wants(kBacks)) line(stats::back_line(p, now_, legends_, wish_.hide_maint || wish_.hide_down));
  }
  void print_server(const stats::ProxyEntry& p, const model::Server& s) {
    const stats::ServerEntry& entry = call_.server.catalogue().of(s);
    if (wish_.bound && wish_.server != -1 && wish_.server != entry.id) return;
    stats::ServerView view(s);
    if (wish_.hide_maint && view.maint()) return;
    if (wish_.hide_down && !view.running()) return;
    line(stats::server_line(p, s, entry, now_, legends_));
  }
  void line(const stats::Line& l) {
    stats::append_stat_line(call_.out, l, wish_.form, wish_.help, first_);
    first_ = false;
  }

  Call& call_;
  const Wish& wish_;
  stats::Moment now_;
  bool legends_;
  bool first_ = true;
};

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
    wish.proxy = p ? p->id : to_number(call.word(at));
    if (wish.proxy == 0) return call.refuse("No such proxy.\n");
    wish.bound = true;
    wish.kinds = to_number(call.word(at + 1));
    wish.server = to_number(call.word(at + 2));
    at += 3;
  }
  take_options(call, at, wish);
  StatPrinter(call, wish).print();
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
  s.max_current = s.current.load();
  s.rate.clear_max();
  clear_times(s.times, all);
  if (!all) return;
  for (auto* c : {&s.total, &s.bytes_in, &s.bytes_out, &s.connect_errors, &s.response_errors, &s.retries,
                  &s.redispatches, &s.connects, &s.reuses, &s.client_aborts, &s.server_aborts})
    *c = 0;
  for (auto& status : s.status) status = 0;
}

void clear_proxy(const stats::ProxyEntry& p, bool all) {
  for (stats::ProxyCounters* c : {p.front_counters, p.back_counters}) {
    if (all)
      c->clear();
    else
      c->clear_max();
  }
  if (!p.pool) return;
  model::PoolState& pool = *p.pool->state;
  pool.max_current = pool.current.load();
  pool.rate.clear_max();
  clear_times(pool.times, all);
  if (all) pool.total = 0;
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
