// Words of older HAProxy versions whose meaning lives on under another name: they are bound as what replaced them, with a
// warning. Those without a simple successor are named in planned_removed.cc.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

// `reqadd "Name: value"` and `rspadd` as add-header rules.
void bind_add(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  Str text = args[0].text;
  size_t colon = text.find(':');
  Str family = row.name == "reqadd" ? "http-request" : "http-response";
  if (colon == Str::npos) {
    scope.error(args[0].where, fmt::format("'{}' is not a header", text), "write: Name: value");
    return;
  }
  Directive modern = d;
  modern.words.clear();
  auto word = [&](Str t) {
    Word w = args[0];
    w.text = t;
    modern.words.push_back(w);
  };
  // A percent sign had no meaning in the old form.
  std::string value;
  for (char c : trim(text.substr(colon + 1))) value += c == '%' ? std::string("%%") : std::string(1, c);
  word(family);
  word("add-header");
  word(text.substr(0, colon));
  word(scope.keep(value));
  for (const Word& w : args.subspan(1)) modern.words.push_back(w);
  std::string problem = fmt::format("'{}' is not a word of HAProxy any more", row.name);
  std::string remedy = fmt::format("write: {} add-header {} \"{}\"", family, text.substr(0, colon), value);
  scope.warning(d.where, problem, remedy, fmt::format("{}; {}", problem, remedy));
  bind_directive(scope, modern);
}

// `reqidel ^Name:` and `rspidel`: a header's removal where the expression names one.
void bind_delete(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  Str text = args[0].text;
  Str family = row.name.starts_with("req") ? "http-request" : "http-response";
  if (text.starts_with('^')) text.remove_prefix(1);
  Str name = text.substr(0, text.find(':'));
  bool plain = !name.empty() && name.find_first_of("\\[](){}*+?|^$ ") == Str::npos;
  std::string problem =
      fmt::format("'{}' is not a word of HAProxy any more{}", row.name, plain ? "" : " and has no effect");
  std::string remedy = fmt::format("write: {} del-header {}", family, plain ? name : Str("NAME"));
  scope.warning(d.where, problem, remedy, fmt::format("{}; {}", problem, remedy));
  if (!plain) return;
  Directive modern = d;
  modern.words.clear();
  for (Str t : {family, Str("del-header"), name}) {
    Word w = args[0];
    w.text = t;
    modern.words.push_back(w);
  }
  for (const Word& w : args.subspan(1)) modern.words.push_back(w);
  bind_directive(scope, modern);
}

constexpr Row word(Str name, int8_t min, config::BindFn bind, Str help) {
  return {name, kProxies, min, -1, Block::none, Inherit::none, bind, "<string> [ { if | unless } <cond> ]", help};
}

constexpr Row kRows[] = {
    word("reqadd", 1, bind_add, "add a request header; replaced by: http-request add-header"),
    word("rspadd", 1, bind_add, "add a response header; replaced by: http-response add-header"),
    word("reqdel", 1, bind_delete, "delete request headers; replaced by: http-request del-header"),
    word("reqidel", 1, bind_delete, "delete request headers; replaced by: http-request del-header"),
    word("rspdel", 1, bind_delete, "delete response headers; replaced by: http-response del-header"),
    word("rspidel", 1, bind_delete, "delete response headers; replaced by: http-response del-header"),
};

}  // namespace

const config::Table kOldWordsTable = kRows;

}  // namespace weir::haproxy
