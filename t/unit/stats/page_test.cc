// What a request for the statistics page asks for, the links that ask for it again, and the order of its lines.
#include <criterion/criterion.h>

#include "stats/page.h"

using namespace weir;
using namespace weir::stats;

namespace {
PageConf conf_at(Str uri, char separator) {
  PageConf conf;
  conf.uri = uri;
  conf.separator = separator;
  return conf;
}

std::vector<std::string> walked(const Catalogue& catalogue, const Selection& selection) {
  std::vector<std::string> out;
  Walk walk(catalogue, selection, moment_since(0));
  for (Walk::Stop stop; (stop = walk.next()) != Walk::Stop::end;)
    if (stop != Walk::Stop::opened && stop != Walk::Stop::closed)
      out.push_back(walk.line()[static_cast<size_t>(Col::pxname)].text + "/" +
                    walk.line()[static_cast<size_t>(Col::svname)].text);
  cr_expect_eq(static_cast<int>(walk.next()), static_cast<int>(Walk::Stop::end), "the end stays the end");
  return out;
}
}  // namespace

Test(stats_page, words) {
  Arena arena;
  PageWish none("", arena);
  cr_expect(none.form == PageWish::Form::html);
  cr_expect(!none.up && !none.no_maint && !none.no_refresh && none.part.empty() && none.outcome.empty());
  PageWish all(";up;no-maint;norefresh;st=DONE&scope=a%3Ab;json", arena);
  cr_expect(all.form == PageWish::Form::json);
  cr_expect(all.up && all.no_maint && all.no_refresh);
  cr_expect_eq(all.part, "a:b");
  cr_expect_eq(all.outcome, "DONE");
  cr_expect(PageWish("?csv", arena).form == PageWish::Form::csv);
  cr_expect(!PageWish(";upper;xup", arena).up);
}

Test(stats_page, only_names_are_looked_for) {
  Arena arena;
  cr_expect_eq(PageWish(";scope=<b>", arena).part, "");
  cr_expect_eq(PageWish(";scope=%3Cb", arena).part, "");
  cr_expect_eq(PageWish(";scope=%", arena).part, "");
}

Test(stats_page, links) {
  Arena arena;
  PageWish wish("?up;scope=x;st=DONE", arena);
  cr_expect_eq(wish.link(conf_at("/a?stats", ';')), "/a?stats;up;scope=x");
  cr_expect_eq(wish.link(conf_at("/a?stats", ';'), "csv"), "/a?stats;csv;up;scope=x");
  cr_expect_eq(wish.link(conf_at("", '?'), "csv"), "?csv;up;scope=x");
  cr_expect_eq(PageWish("", arena).link(conf_at("", '?')), "?");
  cr_expect_eq(PageWish("", arena).link(conf_at("/", ';')), "/");
}

Test(stats_page, order_and_choice_of_lines) {
  Arena arena;
  Catalogue c;
  ProxyCounters counters;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::ServerLocal locals[2];
  model::ServerState states[2];
  model::Server servers[2];
  model::Pool pool;
  pool.state = &pool_state;
  pool.local = &pool_local;
  for (uint32_t i = 0; i < 2; i++) {
    servers[i].name = i ? "s2" : "s1";
    servers[i].id = i;
    servers[i].state = &states[i];
    servers[i].local = &locals[i];
    servers[i].pool = &pool;
    pool.servers.push_back(&servers[i]);
  }
  ServerEntry entries[] = {ServerEntry{1}, ServerEntry{2}};
  for (ServerEntry& e : entries) c.servers.push_back(&e);
  for (Str name : {"web", "off", "both"}) {
    ProxyEntry& p = c.proxies.emplace_back();
    p.name = name;
    p.id = static_cast<uint32_t>(c.proxies.size());
    p.front = true;
    p.disabled = name == "off";
    p.back = name == "both";
    p.pool = p.back ? &pool : nullptr;
    p.front_counters = p.back_counters = &counters;
  }
  using Names = std::vector<std::string>;
  cr_expect(walked(c, {}) == Names({"web/FRONTEND", "both/FRONTEND", "both/s1", "both/s2", "both/BACKEND"}));
  states[0].admin = static_cast<uint8_t>(model::Admin::maint);
  Selection s;
  s.hide_maint = true;
  s.kinds = kServers;
  cr_expect(walked(c, s) == Names({"both/s2"}));
  s = {};
  s.part = "WE";
  cr_expect(walked(c, s) == Names({"web/FRONTEND"}));
  ArenaList<Str> names;
  names.push(arena, "both");
  s = {};
  s.names = &names;
  s.kinds = kFronts | kBacks;
  cr_expect(walked(c, s) == Names({"both/FRONTEND", "both/BACKEND"}));
}

Test(stats_page, tokens) {
  cr_expect_eq(make_token().size(), 32u);
  cr_expect_neq(make_token(), make_token());
}
