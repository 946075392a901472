// stats_page, a word of weir's own: the statistics page of all that this weir runs, to look at and not to change. Who may see
// it is decided as for any location.
#include "nginx/stats_page.h"

#include "nginx/request.h"
#include "nginx/traffic.h"
#include "proxy/transaction.h"
#include "stats/page.h"

namespace weir::nginx {
namespace {

using http::Method;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

struct StatsPageConf {
  bool on = false;
};

void bind_stats_page(void* s, const Directive&, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  static_cast<StatsPageConf*>(scope.conf)->on = true;
  want_counters(scope);
}

// Links are relative to the page, and their words stand in the query, so that any location will do.
stats::PageConf page_conf() {
  stats::PageConf conf;
  conf.separator = '?';
  conf.legends = conf.version = conf.node = true;
  return conf;
}

Next show(Transaction& txn, Cursor&, const void*) {
  static const stats::PageConf conf = page_conf();
  Method method = txn.request.method;
  if (method != Method::get && method != Method::head) return finish_with(txn, 405);
  Str words = of(txn).unparsed_uri;
  words.remove_prefix(std::min(words.size(), words.find_first_of("?;")));
  return stats::show_page(txn, conf, words, false);
}

void compile_stats_page(Scope&, Location& l, void* conf) {
  if (!static_cast<StatsPageConf*>(conf)->on || l.has_content) return;
  l.has_content = true;
  l.step(Phase::content, show, conf);
}

const Row kTable[] = {
    {"stats_page", kServer | kLocation, 0, 0, Block::none, Inherit::none, bind_stats_page, "",
     "weir's own word: answers with the statistics page; ?csv and ?json behind the address for programs"},
};

}  // namespace

const Module kStatsPageModule{"stats_page", sizeof(StatsPageConf), module_create<StatsPageConf>, kTable,
                              nullptr,      compile_stats_page};

}  // namespace weir::nginx
