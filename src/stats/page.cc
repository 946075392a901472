// Answering with the page: see stats/page.h. The HTML is in page_html.cc, forms are in page_form.cc.
#include "stats/page.h"

#include <fmt/format.h>

#include "expr/encode.h"
#include "http/h1_writer.h"
#include "proxy/shard.h"
#include "proxy/text_source.h"
#include "proxy/transaction.h"

namespace weir::stats {
namespace {

using http::Name;

bool is_name(Str s) {
  for (char c : s)
    if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z') && !strchr("-_.:", c)) return false;
  return true;
}

// Lines in the forms of `show stat`.
class PlainPage final : public proxy::TextSource {
 public:
  PlainPage(const PageView& view, Form form)
      : selection_(view.wish.selection(view.conf)),
        form_(form),
        walk_(view.catalogue, selection_, moment_since(view.catalogue.start_ms)) {}

  bool next(std::string& out) override {
    if (!begun_) append_stat_head(out, form_);
    begun_ = true;
    Walk::Stop stop = walk_.next();
    if (stop == Walk::Stop::end) {
      append_stat_end(out, form_);
      return false;
    }
    if (stop == Walk::Stop::opened || stop == Walk::Stop::closed) return true;
    append_stat_line(out, walk_.line(), form_, false, first_);
    first_ = false;
    return true;
  }

 private:
  Selection selection_;
  Form form_;
  Walk walk_;
  bool begun_ = false;
  bool first_ = true;
};

proxy::TextSource& make_source(proxy::Transaction& txn, const PageView& view) {
  switch (view.wish.form) {
    case PageWish::Form::html: break;
    case PageWish::Form::csv: return *txn.arena.own<PlainPage>(view, Form::plain);
    case PageWish::Form::typed: return *txn.arena.own<PlainPage>(view, Form::typed);
    case PageWish::Form::json: return *txn.arena.own<PlainPage>(view, Form::json);
  }
  return *make_html_page(txn.arena, view);
}

void begin_answer(proxy::Transaction& txn, uint16_t status, Str content_type) {
  txn.begin_reply(status);
  http::Message& m = txn.response;
  m.headers.add("Cache-Control", "no-cache", Name::cache_control);
  m.headers.add("Content-Type", content_type, Name::content_type);
  m.headers.add("X-Content-Type-Options", "nosniff");
}

// Nothing is loaded from anywhere, and nobody's page may put this one in a frame to have its buttons pressed.
constexpr Str kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'";

}  // namespace

PageWish::PageWish(Str words, Arena& arena) {
  while (!words.empty()) {
    Str word = words.substr(0, words.find_first_of(";&?"));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    Str value = word;
    Str name = cut(value, '=');
    if (name == "csv") form = Form::csv;
    if (name == "typed") form = Form::typed;
    if (name == "json") form = Form::json;
    if (name == "up") up = true;
    if (name == "no-maint") no_maint = true;
    if (name == "norefresh") no_refresh = true;
    if (name == "st") outcome = value.substr(0, 4);
    Str decoded;
    if (name == "scope" && expr::decode_url(value, true, arena, decoded) && is_name(decoded)) part = decoded;
  }
}

Selection PageWish::selection(const PageConf& conf) const {
  Selection s;
  s.legends = conf.legends;
  s.hide_maint = no_maint;
  s.hide_down = up;
  s.names = &conf.names;
  s.part = part;
  return s;
}

std::string PageWish::link(const PageConf& conf, Str more) const {
  std::string out(conf.uri);
  char next = conf.separator;
  auto add = [&](Str word, Str value = {}) {
    out += next;
    (out += word) += value;
    next = ';';
  };
  if (!more.empty()) add(more);
  if (up) add("up");
  if (no_maint) add("no-maint");
  if (no_refresh) add("norefresh");
  if (!part.empty()) add("scope=", part);
  if (out.empty()) out += conf.separator;
  return out;
}

proxy::Next show_page(proxy::Transaction& txn, const PageConf& conf, Str words, bool admin) {
  PageView view{*catalogue(), conf, PageWish(words, txn.arena), admin, txn.shard.draining()};
  constexpr Str kTypes[] = {"text/html; charset=utf-8", "text/plain; charset=utf-8", "text/plain; charset=utf-8",
                            "application/json"};
  begin_answer(txn, 200, kTypes[static_cast<size_t>(view.wish.form)]);
  http::HeaderList& headers = txn.response.headers;
  if (conf.refresh_s && !view.wish.no_refresh)
    headers.add("Refresh", txn.arena.dup(fmt::format_int(conf.refresh_s).c_str()), Name::refresh);
  if (view.wish.form == PageWish::Form::html) headers.add("Content-Security-Policy", kPolicy);
  proxy::add_text(txn, make_source(txn, view));
  return txn.reply_head({});
}

proxy::Next back_to_page(proxy::Transaction& txn, const PageConf& conf, Str words, Str outcome) {
  begin_answer(txn, 303, "text/plain");
  PageWish wish(words, txn.arena);
  txn.response.headers.add("Location", txn.arena.dup(wish.link(conf, fmt::format("st={}", outcome))), Name::location);
  txn.response.body = http::Body::length;
  return txn.reply_head({});
}

}  // namespace weir::stats
