#pragma once
// The statistics page of a proxy: its `stats` lines, and the steps that let clients in and answer them.
#include <vector>

#include "haproxy/rule.h"
#include "haproxy/userlist.h"
#include "stats/page.h"

namespace weir::haproxy {

struct StatsConf {
  const Proxy* owner = nullptr;  // the section whose lines made it
  stats::PageConf page;
  Str realm;
  std::vector<UserList::User> users;  // `stats auth`
  ArenaList<proxy::Step> rules;  // `stats http-request`
  bool last_rule_is_final = false;
  ArenaList<const Condition*> admin;
  proxy::Segment access;  // the rules, those for the users included
  config::Where where;
};

// Completes the page of a proxy once its section was read: users become a rule, "." in the scope its name.
void finish_stats(Scope& scope, Proxy& proxy);
// Steps; `conf` is the proxy. The first runs the page's own rules, the second answers. Both pass other requests on.
Next enter_stats(Transaction& txn, Cursor& cursor, const void* conf);
Next run_stats(Transaction& txn, Cursor& cursor, const void* conf);

}  // namespace weir::haproxy
