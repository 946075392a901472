#pragma once
// Counts of listening addresses and upstreams for the statistics page and the runtime socket. Only where somebody can look
// at them: with stats_page, or beside HAProxy's sections. Otherwise nothing is counted. Called by the personality.
#include "nginx/module.h"
#include "proxy/transaction.h"
#include "stats/proxy_counters.h"

namespace weir::nginx {

// Somebody can look at them.
void want_counters(Scope& scope);
// Makes the counters of all listeners and pools. At the end of binding.
void make_counters(Scope& scope);

// Of a pool of ours; null: nothing is counted.
stats::ProxyCounters* counters_of(const model::Pool& pool);

void count_begin(proxy::Transaction& txn);
void count_answered(proxy::Transaction& txn);  // by a server
void count_end(proxy::Transaction& txn);

}  // namespace weir::nginx
