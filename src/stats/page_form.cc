// Forms of the statistics page: what is asked for is done to the checked servers of one backend. A form counts only when it
// does not come from another site; browsers have to bring the page's token along, which other sites cannot read.
// Programs that send none of a browser's headers may go without, as they do with HAProxy.
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <fmt/format.h>

#include "expr/encode.h"
#include "health/judge.h"
#include "proxy/server_mark.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"
#include "stats/page.h"
#include "stats/server_change.h"

namespace weir::stats {
namespace {

using http::Name;
using model::Admin;

constexpr Str kDone = "DONE", kDenied = "DENY", kPart = "PART", kNothing = "NONE", kBad = "ERRP", kTooLong = "EXCD",
              kStale = "STAL";

// "host:port" of an address; empty when it is none.
Str authority_of(Str url) {
  size_t at = url.find("://");
  if (at == Str::npos) return {};
  url.remove_prefix(at + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

// What browsers send with a form, or always: their name begins so.
bool is_browser(const http::HeaderList& headers) {
  return headers.has(Name::origin) || headers.has(Name::referer) || headers.find("Sec-Fetch-Site") ||
         headers.value(Name::user_agent).starts_with("Mozilla/");
}

struct FormData {
  Str backend, action, token;
  ArenaList<Str> servers;
};

// False: it is no proper form.
bool read_form(Str body, Arena& arena, FormData& form) {
  while (!body.empty()) {
    Str raw_value = cut(body, '&');
    Str raw_name = cut(raw_value, '=');
    Str name, value;
    if (!expr::decode_url(raw_name, true, arena, name) || !expr::decode_url(raw_value, true, arena, value))
      return false;
    if (name == "b") form.backend = value;
    if (name == "action") form.action = value;
    if (name == "t") form.token = value;
    if (name == "s") form.servers.push(arena, value);
  }
  return true;
}

void wake_queue(proxy::Transaction& txn, const model::Pool& pool) {
  if (pool.state->queued.read() <= 0) return;
  txn.shard.queue.place_free(pool);
  txn.shard.post_others([&pool](proxy::Shard& shard) { shard.queue.place_free(pool); });
}

void on_all_shards(proxy::Transaction& txn, const std::function<void(proxy::Shard&)>& fn) {
  if (!fn) return;
  fn(txn.shard);
  txn.shard.post_others(fn);
}

// What a form can ask for. False: it does not apply to this server.
using ActionFn = bool (*)(proxy::Transaction& txn, const model::Server& server);

template <Admin to>
bool set(proxy::Transaction& txn, const model::Server& s) {
  proxy::ServerMark mark(s);
  set_admin(s, to);
  on_all_shards(txn, mark.since());
  if (to == Admin::ready) wake_queue(txn, *s.pool);
  return true;
}
// The old words change something only when it is not so yet, or is so still.
template <Admin to>
bool enter(proxy::Transaction& txn, const model::Server& s) {
  return ServerView(s).admin != to && set<to>(txn, s);
}
template <Admin from>
bool leave(proxy::Transaction& txn, const model::Server& s) {
  return ServerView(s).admin == from && set<Admin::ready>(txn, s);
}
template <bool up, bool stopping>
bool force_health(proxy::Transaction& txn, const model::Server& s) {
  proxy::ServerMark mark(s);
  health::agree(s, up);
  set_health(s, up, stopping);
  on_all_shards(txn, mark.since());
  if (up && !stopping) wake_queue(txn, *s.pool);
  return true;
}
// False: the server has no such check.
template <bool agent, bool on>
bool turn_check(proxy::Transaction&, const model::Server& s) {
  if (!s.checks || !(agent ? s.checks->agent : s.checks->check)) return false;
  (agent ? s.state->health.agent : s.state->health.check).enabled.store(on);
  return true;
}
template <bool up>
bool force_agent(proxy::Transaction& txn, const model::Server& s) {
  if (!s.checks || !s.checks->agent) return false;
  s.state->health.agent.health.store(up ? s.checks->agent->most_health() : 0);
  return force_health<up, false>(txn, s);
}
bool end_all(proxy::Transaction& txn, const model::Server& s) {
  on_all_shards(txn, [&s](proxy::Shard& shard) { proxy::end_requests(shard, s, Fault::cancelled); });
  return true;
}

struct Action {
  Str name;
  ActionFn run;
};
constexpr Action kActions[] = {
    {"ready", set<Admin::ready>},
    {"drain", set<Admin::drain>},
    {"maint", set<Admin::maint>},
    {"disable", enter<Admin::maint>},
    {"enable", leave<Admin::maint>},
    {"stop", enter<Admin::drain>},
    {"start", leave<Admin::drain>},
    {"hrunn", force_health<true, false>},
    {"hnolb", force_health<true, true>},
    {"hdown", force_health<false, false>},
    {"dhlth", turn_check<false, false>},
    {"ehlth", turn_check<false, true>},
    {"dagent", turn_check<true, false>},
    {"eagent", turn_check<true, true>},
    {"arunn", force_agent<true>},
    {"adown", force_agent<false>},
    {"shutdown", end_all},
};

const Action* find_action(Str name) {
  for (const Action& a : kActions)
    if (a.name == name) return &a;
  return nullptr;
}

const ProxyEntry* find_backend(const Catalogue& catalogue, Str name) {
  auto id = name.starts_with('#') ? parse_u64(name.substr(1)) : std::nullopt;
  for (const ProxyEntry& p : catalogue.proxies)
    if (p.back && !p.disabled && (id ? p.id == *id : p.name == name)) return &p;
  return nullptr;
}

const model::Server* find_server(const ProxyEntry& backend, Str name) {
  for (const model::Server* s : backend.pool->servers)
    if (s->name == name && !s->absent()) return s;
  return nullptr;
}

bool in_scope(const PageConf& conf, const ProxyEntry* p) {
  if (conf.names.empty()) return true;
  for (Str name : conf.names)
    if (p && p->name == name) return true;
  return false;
}

Str obey(proxy::Transaction& txn, const PageConf& conf, const FormData& form) {
  if (form.backend.empty() && form.servers.empty()) return kNothing;
  const ProxyEntry* backend = find_backend(*catalogue(), form.backend);
  if (!in_scope(conf, backend)) return kDenied;  // whether it exists or not
  if (!backend) return kBad;
  if (form.action.empty()) return kNothing;
  const Action* action = find_action(form.action);
  if (!action) return kBad;
  size_t changed = 0, wanted = 0;
  for (Str name : form.servers) {
    const model::Server* s = find_server(*backend, name);
    bool done = s && action->run(txn, *s);
    if (done) changed++;
    if (done || !s) wanted++;
  }
  if (wanted == 0) return kNothing;
  return changed == 0 ? kBad : changed == wanted ? kDone : kPart;
}

bool token_fits(const Catalogue& catalogue, Str token) {
  const std::string& own = catalogue.token;
  return !own.empty() && token.size() == own.size() && CRYPTO_memcmp(token.data(), own.data(), own.size()) == 0;
}

}  // namespace

std::string make_token() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return {};
  std::string out;
  for (unsigned char b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

bool same_site(const proxy::Transaction& txn) {
  const http::HeaderList& headers = txn.request.headers;
  const http::Header* site = headers.find("Sec-Fetch-Site");
  if (site && site->value != "same-origin") return false;
  const http::Header* source = headers.find(Name::origin);
  if (!source) source = headers.find(Name::referer);
  return !source || (!txn.request.authority.empty() && iequals(authority_of(source->value), txn.request.authority));
}

proxy::Next take_form(proxy::Transaction& txn, const PageConf& conf, Str words, const Str* body) {
  FormData form;
  if (!body) return back_to_page(txn, conf, words, kTooLong);
  if (!read_form(*body, txn.arena, form)) return back_to_page(txn, conf, words, kBad);
  bool known = token_fits(*catalogue(), form.token);
  if (!known && (is_browser(txn.request.headers) || !form.token.empty())) return back_to_page(txn, conf, words, kStale);
  return back_to_page(txn, conf, words, obey(txn, conf, form));
}

Str outcome_text(Str outcome) {
  constexpr std::pair<Str, Str> kTexts[] = {
      {kDone, "Done."},
      {kPart, "Done for some of the servers; the others are not there or it does not apply to them."},
      {kNothing, "Nothing was changed: choose servers and an action."},
      {kBad, "Nothing was changed: the servers are not there, or the action does not apply to them."},
      {kTooLong, "Nothing was changed: the form is too long. Choose fewer servers at once."},
      {kDenied, "Refused: the form came from elsewhere, or this page may not change that."},
      {kStale, "Nothing was changed: the page was older than the process. Choose again."},
  };
  for (auto& [code, text] : kTexts)
    if (code == outcome) return text;
  return "Unknown outcome.";
}

}  // namespace weir::stats
