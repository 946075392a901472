// charset and its family (ngx_http_charset_filter_module); see nginx/charset.h.
#include "nginx/charset.h"

#include <fmt/format.h>

#include <algorithm>

#include "nginx/charset_table.h"
#include "nginx/error_log.h"
#include "nginx/mime.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Message;
using http::Name;
using proxy::Filter;
using proxy::Transaction;

constexpr int kOrder = 30;  // the text is converted before it is compressed
constexpr Str kDefaultTypes[] = {
    "text/html", "text/xml", "text/plain", "text/vnd.wap.wml", "application/javascript", "application/rss+xml"};

struct CharsetConf {
  Setting<const Script*> charset;  // "off" is none
  Setting<const Script*> source;
  Setting<bool> override_upstream;
  TypeList types;
  config::Where source_where;
  const std::vector<CharsetTable*>* tables = nullptr;
};

struct Tables {
  std::vector<CharsetTable*> all;
  std::vector<std::pair<Str, Str>> missing;  // that were reported

  // The table between two charsets in either direction, or null.
  const CharsetTable* between(Str a, Str b) const {
    for (const CharsetTable* t : all)
      if ((iequals(t->from, a) && iequals(t->to, b)) || (iequals(t->from, b) && iequals(t->to, a))) return t;
    return nullptr;
  }
};

void bind_charset_map(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& tables = scope.main<Tables>(kCharsetModule).all;
  Str from = d.arg(0).text, to = d.arg(1).text;
  if (iequals(from, to)) {
    scope.error(d.where, fmt::format("\"charset_map\" between the same charsets \"{}\" and \"{}\"", from, to));
    return;
  }
  if (iequals(from, "utf-8")) {
    scope.error(d.arg(0).where, "\"charset_map\" with \"utf-8\" charset should be given in the second column",
                "swap the columns");
    return;
  }
  if (scope.main<Tables>(kCharsetModule).between(from, to)) {
    scope.error(d.where, fmt::format("duplicate \"charset_map\" between \"{}\" and \"{}\"", from, to),
                "keep one of them");
    return;
  }
  auto* table = scope.arena.own<CharsetTable>(scope.arena.dup(from), scope.arena.dup(to));
  for (const Directive& line : d.block) {
    if (line.args() != 1)
      scope.error(line.where, "invalid parameters number", "write two hexadecimal codes");
    else if (!table->add(line.name(), line.arg(0).text))
      scope.error(line.where, fmt::format("invalid value \"{}\" in \"charset_map\"", line.arg(0).text),
                  "write two hexadecimal codes");
  }
  table->finish();
  tables.push_back(table);
}

void bind_source(void* s, const Directive& d, const Row& row) {
  set_value(s, d, row);
  static_cast<CharsetConf*>(static_cast<Scope*>(s)->conf)->source_where = d.where;
}

// Texts are converted between what is named here, so there has to be a way. Each pair is told once.
void check_conversion(Scope& scope, const CharsetConf& c) {
  if (!c.charset.set || !c.source.set || !c.charset.value->constant() || !c.source.value->constant()) return;
  Str from = c.source.value->constant_text(), to = c.charset.value->constant_text();
  auto& tables = scope.main<Tables>(kCharsetModule);
  if (to == "off" || iequals(from, to) || tables.between(from, to)) return;
  if (std::ranges::find(tables.missing, std::pair{from, to}) != tables.missing.end()) return;
  tables.missing.emplace_back(from, to);
  scope.error(c.source_where, fmt::format("no \"charset_map\" between the charsets \"{}\" and \"{}\"", from, to),
              "write one, or leave source_charset away");
}

void merge_charset(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<CharsetConf*>(child);
  const auto& p = *static_cast<const CharsetConf*>(parent);
  merge_types(c.types, p.types);
  if (!c.source_where.source) c.source_where = p.source_where;
  check_conversion(scope, c);
  c.tables = &scope.main<Tables>(kCharsetModule).all;
}

// ---------------------------------------------------------------- responses

Str media_type(Str content_type) {
  Str type = content_type.substr(0, content_type.find(';'));
  return trim(type);
}

Str charset_parameter(Str content_type) {
  size_t at = content_type.find(';');
  while (at != Str::npos) {
    Str rest = trim(content_type.substr(at + 1));
    if (istarts_with(rest, "charset=")) {
      Str value = trim(rest.substr(8, rest.find(';') == Str::npos ? Str::npos : rest.find(';') - 8));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
    at = content_type.find(';', at + 1);
  }
  return {};
}

bool is_text(const CharsetConf& c, Str content_type) {
  if (c.types.set) return c.types.has(content_type);
  Str type = media_type(content_type);
  return std::any_of(std::begin(kDefaultTypes), std::end(kDefaultTypes), [&](Str t) { return iequals(t, type); });
}

// What the server asked for in X-Accel-Charset, which the proxy has taken away from the client's headers.
const http::Header* accel_charset(const Transaction& txn) {
  if (txn.local_reply) return nullptr;
  for (const http::Header& h : txn.response.headers)
    if (h.id == Name::x_accel_charset) return &h;
  return nullptr;
}

// The charset to announce; empty: leave the response alone.
Str wanted(Transaction& txn, const CharsetConf& c, Str content_type) {
  if (content_type.empty()) return {};
  if (const http::Header* accel = accel_charset(txn)) return accel->value == "off" ? Str{} : accel->value;
  if (!c.charset.set) return {};
  if (!charset_parameter(content_type).empty()) {
    if (!c.override_upstream.get(false)) return {};
  } else if (!is_text(c, content_type)) {
    return {};
  }
  Str charset = c.charset.value->eval(txn);
  return charset == "off" ? Str{} : charset;
}

class CharsetFilter final : public Filter {
 public:
  explicit CharsetFilter(const CharsetConf& conf) : conf_(conf) {}

  bool head(Transaction& txn, Message& m) override {
    Str type = m.headers.value(Name::content_type);
    Str target = wanted(txn, conf_, type);
    if (target.empty()) return false;
    Str source = charset_parameter(type);
    if (source.empty() && conf_.source.set) source = conf_.source.value->eval(txn);
    bool redirect = m.status == 301 || m.status == 302;
    bool convertible = !source.empty() && !iequals(source, target) && !m.headers.has(Name::content_encoding);
    if (convertible && !start(txn, source, target)) convertible = false;
    if (!redirect)
      m.headers.set(Name::content_type, "Content-Type", txn.arena.cat(media_type(type), "; charset=", target));
    if (!convertible) return false;
    if (changes_length_) {
      if (m.body == http::Body::length) m.body = http::Body::chunked;
      m.headers.remove(Name::content_length);
      m.headers.remove(Name::accept_ranges);
    }
    return true;
  }

  void data(Str data, bool end) override {
    out_.clear();
    converter_->convert(data, end, out_);
    if (end || !out_.empty()) emit(out_, end);
  }

 private:
  bool start(Transaction& txn, Str source, Str target) {
    for (const CharsetTable* t : *conf_.tables) {
      bool forth = iequals(t->from, source) && iequals(t->to, target);
      bool back = iequals(t->from, target) && iequals(t->to, source);
      if (!forth && !back) continue;
      Conversion kind = t->utf8 ? (forth ? Conversion::to_utf8 : Conversion::from_utf8)
                                : (forth ? Conversion::bytes : Conversion::bytes_back);
      changes_length_ = t->utf8;
      converter_ = txn.arena.own<CharsetConverter>(*t, kind);
      return true;
    }
    log_error(&txn, LogLevel::error, 0,
              fmt::format("no \"charset_map\" between the charsets \"{}\" and \"{}\"", source, target));
    return false;
  }

  const CharsetConf& conf_;
  CharsetConverter* converter_ = nullptr;
  bool changes_length_ = false;
  std::string out_;
};

Filter* make_charset(Transaction& txn, const void* conf) {
  const auto& c = *static_cast<const CharsetConf*>(conf);
  if (!c.charset.set && !accel_charset(txn)) return nullptr;
  return txn.parent ? nullptr : txn.arena.own<CharsetFilter>(c);
}

void compile_charset(Scope&, Location& l, void* conf) {
  // Without a setting only a server's X-Accel-Charset can ask for one.
  if (static_cast<CharsetConf*>(conf)->charset.set || l.of<ProxyConf>(kProxyModule).target.set)
    l.filters.push_back({make_charset, conf, kOrder});
}

const Row kTable[] = {
    {"charset",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_value,
     "charset | off",
     "adds a charset to the Content-Type of texts, and converts to it from source_charset",
     {},
     WEIR_FIELD(CharsetConf, charset),
     "off"},
    {"source_charset",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_source,
     "charset",
     "the charset that responses were written in",
     {},
     WEIR_FIELD(CharsetConf, source)},
    {"override_charset",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "a charset that the server named is replaced",
     {},
     WEIR_FIELD(CharsetConf, override_upstream),
     "off"},
    {"charset_types",
     kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::array,
     set_types,
     "mime-type ...",
     "media types besides text/html that get a charset",
     {},
     offsetof(CharsetConf, types),
     nullptr,
     "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml"},
    {"charset_map", kHttp, 2, 2, Block::required, Inherit::none, bind_charset_map,
     "charset1 charset2 { code code; ... }", "how characters of one charset are written in another"},
};

}  // namespace

Str charset_for(Transaction& txn, Str content_type) {
  return wanted(txn, conf_of<CharsetConf>(txn, kCharsetModule), content_type);
}

const Module kCharsetModule{"charset", sizeof(CharsetConf), module_create<CharsetConf>,
                            kTable,    merge_charset,       compile_charset};

}  // namespace weir::nginx
