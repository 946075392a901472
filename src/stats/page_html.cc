// The statistics page as HTML: process facts, a legend, one table with HAProxy's columns. No script and nothing from
// elsewhere; end tags that HTML does not need are left out. Everything that a configuration or a client named is escaped.
#include "stats/page_html.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "expr/encode.h"
#include "proxy/text_source.h"
#include "stats/counters.h"
#include "stats/page.h"
#include "tools/version.h"

namespace weir::stats {
namespace {

// How a column's value is shown.
enum class Show : uint8_t { count, limit, bytes, ago, status, seconds, text, active, backup, total };

struct Cell {
  Str group;  // over several columns; the same as in front: goes on
  Str title;
  Col col;
  Show show;
};

// HAProxy's columns, in its order.
constexpr Cell kCells[] = {
    {"Queue", "Cur", Col::qcur, Show::count},
    {"Queue", "Max", Col::qmax, Show::count},
    {"Queue", "Limit", Col::qlimit, Show::limit},
    {"Session rate", "Cur", Col::rate, Show::count},
    {"Session rate", "Max", Col::rate_max, Show::count},
    {"Session rate", "Limit", Col::rate_lim, Show::limit},
    {"Sessions", "Cur", Col::scur, Show::count},
    {"Sessions", "Max", Col::smax, Show::count},
    {"Sessions", "Limit", Col::slim, Show::limit},
    {"Sessions", "Total", Col::stot, Show::total},
    {"Sessions", "LbTot", Col::lbtot, Show::count},
    {"Sessions", "Last", Col::lastsess, Show::ago},
    {"Bytes", "In", Col::bin, Show::bytes},
    {"Bytes", "Out", Col::bout, Show::bytes},
    {"Denied", "Req", Col::dreq, Show::count},
    {"Denied", "Resp", Col::dresp, Show::count},
    {"Errors", "Req", Col::ereq, Show::count},
    {"Errors", "Conn", Col::econ, Show::count},
    {"Errors", "Resp", Col::eresp, Show::count},
    {"Warnings", "Retr", Col::wretr, Show::count},
    {"Warnings", "Redis", Col::wredis, Show::count},
    {"Server", "Status", Col::status, Show::status},
    {"Server", "LastChk", Col::last_chk, Show::text},
    {"Server", "Wght", Col::weight, Show::count},
    {"Server", "Act", Col::act, Show::active},
    {"Server", "Bck", Col::bck, Show::backup},
    {"Server", "Chk", Col::chkfail, Show::count},
    {"Server", "Dwn", Col::chkdown, Show::count},
    {"Server", "Dwntme", Col::downtime, Show::seconds},
    {"Server", "Thrtle", Col::throttle, Show::text},
};

// No control characters; else as in any HTML.
void escape(std::string& out, Str s) {
  size_t begin = out.size();
  expr::append_html(out, s);
  for (size_t i = begin; i < out.size(); i++)
    if (static_cast<unsigned char>(out[i]) < 0x20 || out[i] == 0x7f) out[i] = '?';
}
std::string escaped(Str s) {
  std::string out;
  escape(out, s);
  return out;
}

// Digits in groups of three.
std::string grouped(uint64_t n) {
  std::string out = fmt::format("{}", n);
  for (size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, "\u202f");
  return out;
}

std::string bytes_text(uint64_t n) {
  constexpr Str kUnits[] = {"K", "M", "G", "T", "P", "E"};
  if (n < 10000) return fmt::format("{}", n);
  auto value = static_cast<double>(n);
  size_t unit = 0;
  for (value /= 1024; value >= 1000 && unit + 1 < std::size(kUnits); value /= 1024) unit++;
  return fmt::format("{:.1f}\u202f{}", value, kUnits[unit]);
}

// The two largest units: "2d3h", "4m05s".
std::string time_text(uint64_t s) {
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h{:02}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d{}h", s / 86400, s % 86400 / 3600);
}

const std::string& table_head() {
  static const std::string head = [] {
    std::string groups = "<table><thead><tr><th rowspan=2>Name", titles = "<tr>";
    for (size_t i = 0; i < std::size(kCells);) {
      size_t n = 1;
      while (i + n < std::size(kCells) && kCells[i + n].group == kCells[i].group) n++;
      groups += fmt::format("<th colspan={}>{}", n, kCells[i].group);
      for (; n > 0; n--, i++) {
        titles += "<th title=\"";
        escape(titles, columns()[static_cast<size_t>(kCells[i].col)].help);
        titles += fmt::format("\">{}", kCells[i].title);
      }
    }
    return groups + titles + "</thead>\n";
  }();
  return head;
}

// The class that gives a server's row its colour, by what `show stat` calls its state.
Str state_class(Str status) {
  if (status == "UP") return "up";
  if (status.starts_with("UP ")) return "go";
  if (status == "DOWN" || status == "DOWN (agent)") return "down";
  if (status.starts_with("DOWN ")) return "come";
  if (status.starts_with("NOLB")) return "lb";
  if (status.starts_with("DRAIN")) return "dr";
  if (status.starts_with("MAINT")) return "mt";
  return "no";
}

constexpr Str kLegend =
    "<ul><li><i class=up></i>active UP<li><i class='up b'></i>backup UP<li><i class=go></i>active UP, going down"
    "<li><i class='go b'></i>backup UP, going down<li><i class=come></i>active DOWN, going up"
    "<li><i class='come b'></i>backup DOWN, going up<li><i class=down></i>DOWN<li><i class=no></i>not checked"
    "<li><i class=mt></i>MAINT<li><i class=dr></i>DRAIN or NOLB: no new load<li><i class='dr b'></i>backup "
    "DRAIN</ul>\n";

constexpr Str kActionList =
    "<select name=action><option value=''>Choose an action<option value=ready>Set state to READY"
    "<option value=drain>Set state to DRAIN<option value=maint>Set state to MAINT"
    "<option value=dhlth>Health: disable checks<option value=ehlth>Health: enable checks"
    "<option value=hrunn>Health: force UP<option value=hnolb>Health: force NOLB<option value=hdown>Health: force DOWN"
    "<option value=dagent>Agent: disable checks<option value=eagent>Agent: enable checks"
    "<option value=arunn>Agent: force UP<option value=adown>Agent: force DOWN"
    "<option value=shutdown>Kill sessions</select> ";

class HtmlPage final : public proxy::TextSource {
 public:
  explicit HtmlPage(const PageView& view)
      : view_(view),
        selection_(view.wish.selection(view.conf)),
        now_(moment_since(view.catalogue.start_ms)),
        walk_(view.catalogue, selection_, now_) {}

  bool next(std::string& out) override;

 private:
  void begin(std::string& out);
  void facts(std::string& out);
  void links(std::string& out);
  void open_proxy(std::string& out);
  void row(std::string& out, Walk::Stop stop);
  void name(std::string& out, Walk::Stop stop);
  void cell(std::string& out, const Cell& c, bool server);
  void total(std::string& out, uint64_t n);
  void close_proxy(std::string& out);

  const Field& at(Col c) const { return walk_.line()[static_cast<size_t>(c)]; }
  uint64_t number(Col c) const { return static_cast<uint64_t>(at(c).number); }
  bool has_form() const { return view_.admin && walk_.proxy().back && !walk_.proxy().pool->servers.empty(); }

  PageView view_;
  Selection selection_;
  Moment now_;
  Walk walk_;
  bool begun_ = false;
};

bool HtmlPage::next(std::string& out) {
  if (!begun_) {
    begun_ = true;
    begin(out);
    return true;
  }
  Walk::Stop stop = walk_.next();
  switch (stop) {
    case Walk::Stop::opened: open_proxy(out); break;
    case Walk::Stop::front:
    case Walk::Stop::server:
    case Walk::Stop::back: row(out, stop); break;
    case Walk::Stop::closed: close_proxy(out); break;
    case Walk::Stop::end: out += "</table></body></html>\n"; return false;
  }
  return true;
}

void HtmlPage::begin(std::string& out) {
  const Catalogue& c = view_.catalogue;
  const PageConf& conf = view_.conf;
  std::string node;
  if (conf.node) node = " on " + escaped(conf.node_name.empty() ? c.node : conf.node_name);
  std::string title = fmt::format("Statistics Report for {}{}", c.product, node);
  out += fmt::format(
      "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><title>{}</title>"
      "<meta name=viewport content='width=device-width,initial-scale=1'><link rel=icon href='data:,'>"
      "<style>{}</style></head>\n<body><header><h1>{}",
      title, kPageStyle, title);
  Str description = conf.description_text.empty() ? c.description : conf.description_text;
  if (conf.description && !description.empty()) (out += ": ") += escaped(description);
  out += "</h1>\n";
  if (Str outcome = view_.wish.outcome; !outcome.empty())
    out += fmt::format("<p{}>{}</p>\n", outcome == "DONE" ? " class=ok" : "", outcome_text(outcome));
  facts(out);
  links(out);
  (out += kLegend) += "</header>\n";
  out += table_head();
}

void HtmlPage::facts(std::string& out) {
  const Catalogue& c = view_.catalogue;
  Totals t = totals();
  uint64_t connection_rate = 0, request_rate = 0;
  for (const ProxyEntry& p : c.proxies) {
    if (!p.front) continue;
    connection_rate += p.front_counters->connections.rate.read(now_.now_ms);
    request_rate += p.front_counters->request_rate.read(now_.now_ms);
  }
  auto fact = [&](Str name, const std::string& value) { out += fmt::format("<div><dt>{} <dd>{}</div>", name, value); };
  out += "<dl>";
  if (view_.conf.version) {
    fact("weir", std::string(kVersion));
    if (c.product != "weir") fact(c.product, fmt::format("{}, released {}", c.version, c.release_date));
  }
  fact("pid", fmt::format("{}", getpid()));
  fact("uptime", time_text(now_.uptime_s()));
  fact("shards", fmt::format("{}", c.shards));
  fact("connections", fmt::format("{} of {}", grouped(static_cast<uint64_t>(std::max<int64_t>(0, t.active))),
                                  grouped(c.connection_limit())));
  fact("connections per second", grouped(connection_rate));
  fact("requests per second", grouped(request_rate));
  fact("connections ever", grouped(t.accepted));
  fact("requests ever", grouped(t.requests));
  if (view_.stopping) fact("state", "draining");
  out += "</dl>\n";
}

void HtmlPage::links(std::string& out) {
  const PageWish& wish = view_.wish;
  auto link = [&](const PageWish& to, Str text, Str more = {}) {
    out += "<a href=\"";
    escape(out, to.link(view_.conf, more));
    out += fmt::format("\">{}</a> ", text);
  };
  PageWish other = wish;
  other.up = !wish.up;
  out += "<nav>";
  link(other, wish.up ? "Show all servers" : "Hide servers that are down");
  if (view_.conf.refresh_s) {
    other = wish;
    other.no_refresh = !wish.no_refresh;
    link(other, wish.no_refresh ? "Refresh by itself" : "Stop refreshing");
  }
  link(wish, "Refresh now");
  link(wish, "CSV", "csv");
  link(wish, "JSON", "json");
  // A form replaces the query, so the page's own goes along.
  Str query = view_.conf.uri;
  Str path = cut(query, '?');
  out += "<form";
  if (!path.empty()) {
    out += " action=\"";
    escape(out, path);
    out += '"';
  }
  out += '>';
  if (!query.empty()) {
    out += "<input type=hidden name=\"";
    escape(out, query);
    out += "\">";
  }
  out += "<input name=scope placeholder='Part of a name' aria-label='Part of a name' size=12 maxlength=20 value=\"";
  escape(out, wish.part);
  out += "\"> <button>Filter</button></form></nav>\n";
}

void HtmlPage::open_proxy(std::string& out) {
  const ProxyEntry& p = walk_.proxy();
  std::string name = escaped(p.name);
  out += fmt::format("<tbody><tr class=px><th scope=rowgroup><a id=\"{}\" href=\"#{}\">{}</a><td colspan={}>", name,
                     name, name, std::size(kCells));
  escape(out, p.description);
  if (selection_.legends)
    out += fmt::format("{}{} {}, id {}{}{}", p.description.empty() ? "" : " — ", p.mode,
                       p.front && p.back ? "listen"
                       : p.front         ? "frontend"
                                         : "backend",
                       p.id, p.algorithm.empty() ? "" : ", balance ", p.algorithm);
  out += '\n';
}

void HtmlPage::row(std::string& out, Walk::Stop stop) {
  bool server = stop == Walk::Stop::server;
  out += "<tr class=";
  if (!server)
    out += "sum";
  else
    out += fmt::format("'{}{}'", state_class(at(Col::status).text), walk_.server().backup ? " b" : "");
  out += '>';
  name(out, stop);
  for (const Cell& c : kCells) cell(out, c, server);
  out += '\n';
}

void HtmlPage::name(std::string& out, Walk::Stop stop) {
  bool server = stop == Walk::Stop::server;
  out += "<th scope=row";
  if (server && selection_.legends) {
    out += fmt::format(" title=\"id {}, {}", number(Col::sid), escaped(at(Col::addr).text));
    if (!at(Col::cookie).empty()) (out += ", cookie ") += escaped(at(Col::cookie).text);
    out += '"';
  }
  out += '>';
  std::string who = escaped(server ? Str(at(Col::svname).text) : stop == Walk::Stop::front ? "Frontend" : "Backend");
  if (server && has_form())
    out +=
        fmt::format("<label><input type=checkbox name=s value=\"{}\" form=f{}> {}</label>", who, walk_.proxy().id, who);
  else
    out += who;
  ((out += "<small>") += escaped(at(Col::status).text)) += "</small>";
}

void HtmlPage::cell(std::string& out, const Cell& c, bool server) {
  const Field& f = at(c.col);
  uint64_t n = number(c.col);
  if (f.empty()) {
    out += "<td>";
    return;
  }
  switch (c.show) {
    case Show::count: (out += "<td>") += grouped(n); break;
    case Show::limit: (out += "<td>") += n ? grouped(n) : "-"; break;
    case Show::bytes:
      if (n >= 10000)
        out += fmt::format("<td title=\"{}\">{}", grouped(n), bytes_text(n));
      else
        out += fmt::format("<td>{}", n);
      break;
    case Show::ago: (out += "<td>") += f.number < 0 ? "?" : time_text(n); break;
    case Show::seconds: (out += "<td>") += time_text(n); break;
    case Show::text: (out += "<td class=c>") += f.type == Field::Type::text ? escaped(f.text) : grouped(n); break;
    case Show::active:
    case Show::backup: (out += "<td class=c>") += server ? std::string(n ? "Y" : "-") : grouped(n); break;
    case Show::total: total(out, n); break;
    case Show::status:
      out += !server && f.text.starts_with("DOWN") ? "<td class='c bad'>" : "<td class=c>";
      if (!at(Col::lastchg).empty()) (out += time_text(number(Col::lastchg))) += ' ';
      escape(out, f.text);
      break;
  }
}

// With what it was made of: responses by status, times, aborts.
void HtmlPage::total(std::string& out, uint64_t n) {
  out += "<td title=\"";
  if (!at(Col::req_tot).empty()) {
    constexpr std::pair<Str, Col> kStatuses[] = {{"1xx", Col::hrsp_1xx}, {"2xx", Col::hrsp_2xx},
                                                 {"3xx", Col::hrsp_3xx}, {"4xx", Col::hrsp_4xx},
                                                 {"5xx", Col::hrsp_5xx}, {"other", Col::hrsp_other}};
    out += fmt::format("requests {}\n", grouped(number(Col::req_tot)));
    for (auto& [label, col] : kStatuses)
      if (number(col)) out += fmt::format("{} {}\n", label, grouped(number(col)));
  }
  if (!at(Col::ttime).empty())
    out += fmt::format("queue {}, connect {}, response {}, total {} ms on average\n", number(Col::qtime),
                       number(Col::ctime), number(Col::rtime), number(Col::ttime));
  if (number(Col::cli_abrt) || number(Col::srv_abrt))
    out += fmt::format("aborted by clients {}, by servers {}\n", number(Col::cli_abrt), number(Col::srv_abrt));
  out += fmt::format("\">{}", grouped(n));
}

void HtmlPage::close_proxy(std::string& out) {
  if (!has_form()) return;
  out += fmt::format("<tr class=act><th><td colspan={}><form method=post id=f{} action=\"", std::size(kCells),
                     walk_.proxy().id);
  escape(out, view_.wish.link(view_.conf));
  out += fmt::format(
      "\">{}<input type=hidden name=b value=\"#{}\"><input type=hidden name=t value={}>"
      "<button>Apply to the checked servers</button></form>\n",
      kActionList, walk_.proxy().id, view_.catalogue.token);
}

}  // namespace

proxy::TextSource* make_html_page(Arena& arena, const PageView& view) {
  return arena.own<HtmlPage>(view);
}

}  // namespace weir::stats
