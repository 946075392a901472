// Captures of headers for logs: `capture … header`, `declare capture`, and the `capture` actions of rules.
#include "haproxy/capture.h"

#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {

bool store_capture(Transaction& txn, bool response, uint32_t slot, Str value) {
  Exchange& x = exchange(txn);
  if (!x.front) return false;
  const auto& captures = response ? x.front->response_captures : x.front->request_captures;
  if (slot >= captures.size()) return false;
  Str*& list = response ? x.response_captures : x.request_captures;
  if (!list) list = txn.arena.array<Str>(captures.size());
  list[slot] = txn.arena.dup(value.substr(0, captures[slot].length));
  return true;
}

void capture_headers(Transaction& txn, bool response) {
  const Exchange& x = exchange(txn);
  const auto& captures = response ? x.front->response_captures : x.front->request_captures;
  const http::HeaderList& headers = response ? txn.response.headers : txn.request.headers;
  for (uint32_t slot = 0; slot < captures.size(); slot++) {
    if (captures[slot].header.empty()) continue;
    const http::Header* last = nullptr;
    for (const http::Header* h = headers.find(captures[slot].header); h; h = headers.find(captures[slot].header, h))
      last = h;
    if (last) store_capture(txn, response, slot, last->value);
  }
}

namespace {

struct CaptureRule : Rule {
  const expr::Expr* sample = nullptr;
  uint32_t slot = 0;
};

Next run_capture(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const CaptureRule*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  expr::Value value;
  if (rule.sample->eval(ctx, value)) store_capture(txn, rule.response, rule.slot, expr::to_text(value, *ctx.arena));
  return Next::next;
}

bool read_length(Scope& scope, Words args, size_t at, uint32_t& length) {
  if (at + 1 >= args.size() || args[at] != Str("len")) {
    scope.error(args[std::min(at, args.size() - 1)].where, "'len' with the longest length is missing here", {},
                "'capture' expects 'len <length>'");
    return false;
  }
  uint64_t n = 0;
  if (!read_number(scope, args[at + 1], "len", 1, 65535, n)) return false;
  length = static_cast<uint32_t>(n);
  return true;
}

void bind_header(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  Capture c;
  c.header = args[0].text;
  if (!read_length(scope, args, 1, c.length)) return;
  auto& list = row.name == "capture request header" ? scope.proxy->request_captures : scope.proxy->response_captures;
  list.push_back(c);
}

void bind_declare(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  Capture c;
  if (args[0] != Str("request") && args[0] != Str("response")) {
    scope.error(args[0].where, fmt::format("'{}' is neither request nor response", args[0].text), {},
                fmt::format("'{} {}' only supports keyword 'request' or 'response'", d.name(), args[0].text));
    return;
  }
  if (!read_length(scope, args, 1, c.length)) return;
  (args[0] == "request" ? scope.proxy->request_captures : scope.proxy->response_captures).push_back(c);
}

// `capture SAMPLE len N` makes a slot of its own; `capture SAMPLE id N` fills one that was declared.
void bind_rule(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<CaptureRule>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 3, row)) return;
  ParseEnv env = scope.env();
  size_t at = 0;
  rule->sample = parse_sample_words(args, at, env);
  if (!rule->sample || !require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag)) return;
  auto& slots = rule->response ? scope.proxy->response_captures : scope.proxy->request_captures;
  uint64_t n = 0;
  if (at + 1 < args.size() && args[at] == "id") {
    if (!read_number(scope, args[at + 1], "id", 0, 65535, n)) return;
    if (scope.proxy->is_front() && n >= slots.size()) {
      scope.error(args[at + 1].where, fmt::format("there is no capture slot {}", n),
                  "declare one with `declare capture`",
                  fmt::format("unable to find capture id '{}' referenced by {} rule", n, d.name()));
      return;
    }
    rule->slot = static_cast<uint32_t>(n);
  } else {
    Capture c;
    if (!read_length(scope, args, at, c.length)) return;
    rule->slot = static_cast<uint32_t>(slots.size());
    slots.push_back(c);
  }
  if (no_more(scope, args, at + 2, row)) add_rule(scope, d, *rule, run_capture);
}

constexpr ContextMask kFronts = kFrontend | kListen;
constexpr Str kSyntax = "<sample> { len <length> | id <id> } [ { if | unless } <condition> ]";
constexpr Str kHelp = "record a sample for logs";

constexpr Row kRows[] = {
    {"capture request header", kFronts, 3, 3, Block::none, Inherit::none, bind_header, "<name> len <length>",
     "record a request header in logs"},
    {"capture response header", kFronts, 3, 3, Block::none, Inherit::none, bind_header, "<name> len <length>",
     "record a response header in logs"},
    {"declare capture", kFronts, 3, 3, Block::none, Inherit::none, bind_declare, "[ request | response ] len <length>",
     "reserve a capture slot for rules"},
    rule_row("http-request capture", kProxies, 3, -1, bind_rule, kSyntax, kHelp),
    rule_row("http-response capture", kProxies, 3, -1, bind_rule, kSyntax, kHelp),
    rule_row("http-after-response capture", kProxies, 3, -1, bind_rule, kSyntax, kHelp),
    rule_row("tcp-request content capture", kProxies, 3, -1, bind_rule, kSyntax, kHelp),
};

}  // namespace

const config::Table kCaptureTable = kRows;

}  // namespace weir::haproxy
