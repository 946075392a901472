#pragma once
// The statistics page: frontends, backends and servers with their counters as HTML, and the same lines as `show stat` has
// as CSV, typed or JSON. It is written while it is sent. A personality says where it is and who may see it; forms that
// change servers arrive by take_form. Called from steps, on any shard.
#include <string>

#include "proxy/step.h"
#include "stats/lines.h"
#include "stats/walk.h"

namespace weir::proxy {
class TextSource;
class Transaction;
}  // namespace weir::proxy

namespace weir::stats {

// What the configuration says about a page. In the model's arena.
struct PageConf {
  Str uri;  // what links point to; empty: the page itself
  char separator = ';';  // between it and the words behind it
  uint32_t refresh_s = 0;  // 0: only when asked
  bool legends = false;
  bool version = false;
  bool node = false;
  bool description = false;
  Str node_name;  // empty: the process's
  Str description_text;  // likewise
  ArenaList<Str> names;  // proxies to show; empty: all
};

// What one request asks for by the words behind the address, separated by `;`, `&` or `?`.
struct PageWish {
  enum class Form : uint8_t { html, csv, typed, json };
  Form form = Form::html;
  bool up = false;
  bool no_maint = false;
  bool no_refresh = false;
  Str outcome;  // of a form: four letters, shown once
  Str part;  // of proxies' names

  PageWish() = default;
  PageWish(Str words, Arena& arena);
  Selection selection(const PageConf& conf) const;
  // The address of the page with these words, and `more`.
  std::string link(const PageConf& conf, Str more = {}) const;
};

// Answers a GET or HEAD. `admin`: with forms.
proxy::Next show_page(proxy::Transaction& txn, const PageConf& conf, Str words, bool admin);

// Whether a form may be obeyed: it does not come from another site's page.
bool same_site(const proxy::Transaction& txn);
// Obeys the form in `body` (null: it is too long to be read) and sends the browser back to the page. What the form lacks,
// the page's token included, is told there.
proxy::Next take_form(proxy::Transaction& txn, const PageConf& conf, Str words, const Str* body);
// Sends the browser back to the page that says so: DENY, DONE …
proxy::Next back_to_page(proxy::Transaction& txn, const PageConf& conf, Str words, Str outcome);

// A new token for Catalogue::token.
std::string make_token();

// --- between the files of the page ---
struct PageView {
  const Catalogue& catalogue;
  const PageConf& conf;
  PageWish wish;
  bool admin = false;
  bool stopping = false;
};
proxy::TextSource* make_html_page(Arena& arena, const PageView& view);
Str outcome_text(Str outcome);

}  // namespace weir::stats
