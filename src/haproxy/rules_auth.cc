// `http-request auth`: asks the client for a name and a password (RFC 7617). Whether they are good is what conditions say.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rules_answer.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

// A quoted string (RFC 9110 5.6.4).
std::string quoted(Str s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

void bind_auth(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<AuthRule>(scope, d, row, args);
  if (rule && take_realm(scope, args, row, rule->realm)) add_rule(scope, d, *rule, run_auth);
}

constexpr Row kRows[] = {
    rule_row("http-request auth", kProxies, 0, -1, bind_auth, "[realm <realm>] [ { if | unless } <condition> ]",
             "ask the client for HTTP authentication"),
};

}  // namespace

bool take_realm(Scope& scope, Words args, const Row& row, Str& realm) {
  if (args.empty() || args[0] != Str("realm")) return no_more(scope, args, 0, row);
  if (args.size() < 2) {
    scope.error(args[0].where, "'realm' lacks its argument", {},
                fmt::format("error detected while parsing '{}' rule : missing realm value.", row.name));
    return false;
  }
  realm = args[1].text;
  return no_more(scope, args, 2, row);
}

Next run_auth(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const AuthRule*>(conf);
  expr::Ctx ctx = context_for(txn);
  if (!applies(rule, ctx)) return Next::next;
  note_final(txn, c);
  const Exchange& x = exchange(txn);
  const Proxy* proxy = x.back ? x.back : x.front;
  bool to_proxy = !txn.request.scheme.empty() || txn.request.method == http::Method::connect;
  const Page& usual = page_for(txn, to_proxy ? 407 : 401);
  Page page = usual;
  page.fields = {};
  Str name = to_proxy ? "Proxy-Authenticate" : "WWW-Authenticate";
  for (const Page::Field& f : usual.fields)
    if (!iequals(f.name, name)) page.fields.push(txn.arena, f);
  Str realm = !rule.realm.empty() || !proxy ? rule.realm : proxy->name;
  page.fields.push(txn.arena, {name, txn.arena.cat("Basic realm=", quoted(realm)), nullptr});
  txn.termination = {'L', 'R'};
  return answer(txn, page, ctx);
}

const config::Table kAuthRuleTable = kRows;

}  // namespace weir::haproxy
