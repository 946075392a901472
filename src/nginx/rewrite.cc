// return, rewrite, break and set (ngx_http_rewrite_module). Each directive is one step of the location's rewrite program;
// see nginx/rewrite.h for how blocks are flattened into it.
#include "nginx/rewrite.h"

#include <fmt/format.h>

#include <algorithm>

#include "expr/regex.h"
#include "nginx/define.h"
#include "nginx/error_log.h"
#include "nginx/locate.h"
#include "nginx/mime.h"
#include "nginx/modules.h"
#include "proxy/transaction.h"

namespace weir::nginx {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

bool is_block(const Level& level) {
  return level.context & (kIfInServer | kIfInLocation);
}

void log_rewrite(Transaction& txn, const std::string& line) {
  if (conf_of<RewriteConf>(txn, kRewriteModule).log.get(false)) log_error(&txn, LogLevel::notice, 0, line);
}

bool logs_rewrite(Transaction& txn) {
  return conf_of<RewriteConf>(txn, kRewriteModule).log.get(false);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool absolute_target(Str text) {
  return text.starts_with("http://") || text.starts_with("https://") || text.starts_with("$scheme");
}

// ---------------------------------------------------------------- return

struct ReturnOp : RewriteOp {
  uint16_t status = 0;
  const Script* text = nullptr;
};

Next run_return(Transaction& txn, Cursor&, const void* conf) {
  const auto& op = *static_cast<const ReturnOp*>(conf);
  bool has_text = op.text && op.text->size;
  if (op.status >= 400 && !has_text) return finish_with(txn, op.status);
  txn.response.status = op.status;  // the text may name it
  Str text = op.text ? op.text->eval(txn) : Str{};
  if (is_redirect(op.status)) return redirect(txn, op.status, text);
  proxy::Reply reply;
  reply.status = op.status;
  reply.body = text;
  if (op.status != 204) reply.content_type = content_type_of(txn);
  reply.location = of(txn).redirect_to;  // of a redirect whose error page this is
  return txn.reply(reply);
}

void bind_return(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* op = scope.arena.make<ReturnOp>();
  const config::Word* text = d.args() == 2 ? &d.arg(1) : nullptr;
  auto status = parse_u64(d.arg(0).text);
  if (status && *status <= 999) {
    op->status = static_cast<uint16_t>(*status);
  } else if (d.args() == 1 && absolute_target(d.arg(0).text)) {
    op->status = 302;
    text = &d.arg(0);
  } else {
    return refuse(scope, d.arg(0).where, fmt::format("invalid return code \"{}\"", d.arg(0).text),
                  "a status, or a URL");
  }
  if (text) op->text = compile_script(scope.arena, scope.http->variables, text->text, text->where, scope.diag);
  add_rewrite_step(scope, run_return, op, d.where);
}

// ---------------------------------------------------------------- rewrite

struct ReplaceOp : RewriteOp {
  const expr::Regex* regex = nullptr;
  const Script* path = nullptr;  // up to the first '?' of the replacement; all of it for a redirect
  const Script* args = nullptr;  // behind that '?'; null: the replacement has none
  uint16_t redirect = 0;  // 301, 302; 0: internal
  bool keep_args = true;  // the request's arguments are appended: the replacement does not end in '?'
  bool has_args = false;  // a redirect's replacement has a '?'
  bool stop = false;  // last, break
  bool break_cycle = false;
};

// The request's path was written with escapes, so captures of it are escaped again where they become arguments.
bool was_escaped(const Request& r) {
  Str path = r.unparsed_uri.substr(0, r.unparsed_uri.find('?'));
  return path.find_first_of("%+") != Str::npos;
}

// Script::eval, with captures escaped for use as arguments when `escape` says so.
Str expand(Transaction& txn, const Script& script, bool escape) {
  if (!escape) return script.eval(txn);
  std::string out;
  for (uint32_t i = 0; i < script.size; i++) {
    const Script::Part& p = script.parts[i];
    if (p.variable)
      out += get_text(txn, *p.variable);
    else if (p.capture >= 0)
      out += escape_args(txn.arena, of(txn).capture(p.capture));
    else
      out += p.text;
  }
  return txn.arena.dup(out);
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Decodes what may stand unescaped in the path of a Location header (ngx_unescape_uri for redirects). From the first
// '?' on everything stays.
Str unescape_redirect(Arena& arena, Str s) {
  if (s.substr(0, s.find('?')).find('%') == Str::npos) return s;
  char* out = arena.alloc_chars(s.size());
  size_t n = 0;
  size_t i = 0;
  for (; i < s.size(); i++) {
    if (s[i] == '?') break;
    int hi = s[i] == '%' && i + 1 < s.size() ? hex_digit(s[i + 1]) : -1;
    if (s[i] != '%') {
      out[n++] = s[i];
      continue;
    }
    if (hi < 0) {  // an invalid escape loses its percent sign
      if (i + 1 < s.size()) out[n++] = s[++i];
      continue;
    }
    int lo = i + 2 < s.size() ? hex_digit(s[i + 2]) : -1;
    i += 2;
    if (lo < 0) continue;
    int c = hi * 16 + lo;
    if (c > '%' && c < 0x7f) {
      out[n++] = static_cast<char>(c);
      if (c == '?') {
        i++;
        break;
      }
      continue;
    }
    memcpy(out + n, s.data() + i - 2, 3);
    n += 3;
  }
  if (i < s.size()) {
    memcpy(out + n, s.data() + i, s.size() - i);
    n += s.size() - i;
  }
  return {out, n};
}

Next answer_redirect(Transaction& txn, const ReplaceOp& op) {
  const Request& r = of(txn);
  Str target = unescape_redirect(txn.arena, expand(txn, *op.path, was_escaped(r)));
  if (op.keep_args && !r.args.empty()) target = txn.arena.cat(target, op.has_args ? "&" : "?", r.args);
  if (logs_rewrite(txn)) log_rewrite(txn, fmt::format("rewritten redirect: \"{}\"", target));
  return redirect(txn, op.redirect, target);
}

Next run_rewrite(Transaction& txn, Cursor& cursor, const void* conf) {
  const auto& op = *static_cast<const ReplaceOp*>(conf);
  Request& r = of(txn);
  if (!rewrite_match(txn, *op.regex, r.uri)) return Next::next;
  if (op.redirect) return answer_redirect(txn, op);
  r.internal = true;
  r.plain_uri = false;
  r.uri_changed = !op.break_cycle;
  if (op.break_cycle) r.valid_location = false;
  Str path = op.path->eval(txn);
  if (op.args) {
    Str args = expand(txn, *op.args, was_escaped(r));
    r.args = op.keep_args && !r.args.empty() ? txn.arena.cat(args, "&", r.args) : args;
  } else if (!op.keep_args) {
    r.args = {};
  }
  if (logs_rewrite(txn)) log_rewrite(txn, fmt::format("rewritten data: \"{}\", args: \"{}\"", path, r.args));
  if (path.empty()) return finish_with(txn, 500, "the rewritten URI has a zero length");
  r.uri = path;
  return op.stop ? skip(cursor, op.to_end) : Next::next;
}

bool read_flag(Scope& scope, const Directive& d, ReplaceOp& op) {
  if (absolute_target(d.arg(1).text)) {
    op.redirect = 302;
    op.stop = true;
  }
  if (d.args() < 3) return true;
  Str flag = d.arg(2).text;
  op.stop = true;
  if (flag == "redirect") {
    op.redirect = 302;
  } else if (flag == "permanent") {
    op.redirect = 301;
  } else if (flag == "break") {
    op.break_cycle = true;
  } else if (flag != "last") {
    refuse(scope, d.arg(2).where, fmt::format("invalid parameter \"{}\"", flag), "last, break, redirect or permanent");
    return false;
  }
  return true;
}

void bind_rewrite(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* op = scope.arena.make<ReplaceOp>();
  Str to = d.arg(1).text;
  if (to.empty()) return refuse(scope, d.arg(1).where, "empty replacement", "the new URI");
  op->regex = compile_regex(scope, d.arg(0), d.arg(0).text, false);
  if (!op->regex || !read_flag(scope, d, *op)) return;
  if (to.ends_with('?')) {
    to.remove_suffix(1);
    op->keep_args = false;
  }
  size_t mark = to.find('?');
  op->has_args = mark != Str::npos;
  auto compile = [&](Str text) {
    return compile_script(scope.arena, scope.http->variables, text, d.arg(1).where, scope.diag);
  };
  if (op->redirect) {
    op->path = compile(to);
  } else {
    op->path = compile(to.substr(0, mark));
    if (op->has_args) op->args = compile(to.substr(mark + 1));
  }
  add_rewrite_step(scope, run_rewrite, op, d.where);
}

// ---------------------------------------------------------------- break, set

Next run_break(Transaction& txn, Cursor& cursor, const void* conf) {
  Request& r = of(txn);
  if (r.uri_changed) {
    r.valid_location = false;
    r.uri_changed = false;
  }
  return skip(cursor, static_cast<const RewriteOp*>(conf)->to_end);
}

void bind_break(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  add_rewrite_step(scope, run_break, scope.arena.make<RewriteOp>(), d.where);
}

struct SetOp : RewriteOp {
  const Variable* variable = nullptr;
  const Script* value = nullptr;
};

Next run_set(Transaction& txn, Cursor&, const void* conf) {
  const auto& op = *static_cast<const SetOp*>(conf);
  set_slot(txn, *op.variable, op.value->eval(txn));
  return Next::next;
}

// Read before any `set` ran: empty, with a warning.
bool fetch_uninitialised(const expr::Ctx& ctx, const expr::Arg* args, Value& out) {
  if (conf_of<RewriteConf>(*ctx.txn, kRewriteModule).warn_uninitialised.get(true)) {
    Str name = static_cast<const Variable*>(args[0].object)->name;
    log_error(ctx.txn, LogLevel::warn, 0, fmt::format("using uninitialized \"{}\" variable", name));
  }
  out = Value::of(Str{});
  return true;
}

void bind_set(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  Str name = d.arg(0).text;
  if (!name.starts_with('$') || name.size() < 2)
    return refuse(scope, d.arg(0).where, fmt::format("invalid variable name \"{}\"", name), "write $name");
  name.remove_prefix(1);
  Variable* v = scope.http->variables.use(scope.arena, name, d.arg(0).where);
  bool prefixed = v->args && v->args[0].present;
  if (v->defined && v->fetch && !v->changeable && !prefixed)
    return refuse(scope, d.arg(0).where, fmt::format("the duplicate \"{}\" variable", name),
                  "it is built in; take another name");
  if (!v->defined) scope.http->variables.define(scope.arena, name, fetch_uninitialised, v);
  auto* op = scope.arena.make<SetOp>();
  op->variable = v;
  op->value = compile_script(scope.arena, scope.http->variables, d.arg(1).text, d.arg(1).where, scope.diag);
  add_rewrite_step(scope, run_set, op, d.where);
}

// ---------------------------------------------------------------- the program

// A server's program is followed by the search for a location, which takes the new URI anyway.
Next end_of_server(Transaction& txn, Cursor&, const void*) {
  of(txn).uri_changed = false;
  return Next::next;
}

void compile_rewrite(Scope&, Location& l, void* conf) {
  auto& c = *static_cast<RewriteConf*>(conf);
  if (is_block(l) || c.steps.empty()) return;
  for (uint32_t i = 0; i < c.steps.size; i++) {
    auto* op = static_cast<RewriteOp*>(const_cast<void*>(c.steps[i].conf));
    op->to_end = c.steps.size - i;
    l.step(Phase::rewrite, c.steps[i].run, op, c.steps[i].where);
  }
  if (l.context == kServer) l.step(Phase::rewrite, end_of_server, nullptr);
}

constexpr ContextMask kEverywhere = kServer | kLocation | kIfInServer | kIfInLocation;

const Row kTable[] = {
    {"rewrite", kEverywhere, 2, 3, Block::none, Inherit::none, bind_rewrite,
     "regex replacement [last | break | redirect | permanent]", "changes the URI when it matches, or redirects"},
    {"return", kEverywhere, 1, 2, Block::none, Inherit::none, bind_return, "code [text | URL] | URL",
     "answers at once with a status, and a text or a redirect"},
    {"break", kEverywhere, 0, 0, Block::none, Inherit::none, bind_break, "",
     "ends the rewrite directives of this level"},
    {"set", kEverywhere, 2, 2, Block::none, Inherit::none, bind_set, "$variable value", "gives a variable a value"},
    {"rewrite_log",
     kHttpEverywhere | kIfInServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether rewrites are shown in the error log, at level notice",
     {},
     WEIR_FIELD(RewriteConf, log),
     "off"},
    {"uninitialized_variable_warn",
     kHttpEverywhere | kIfInServer,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether reading a variable that was not set is worth a warning",
     {},
     WEIR_FIELD(RewriteConf, warn_uninitialised),
     "on"},
};

}  // namespace

RewriteConf& rewrite_program(Scope& scope) {
  Level* level = scope.level;
  while (is_block(*level)) level = level->parent;
  return level->of<RewriteConf>(kRewriteModule);
}

uint32_t add_rewrite_step(Scope& scope, proxy::StepFn run, const RewriteOp* op, const config::Where& where) {
  RewriteConf& program = rewrite_program(scope);
  program.steps.push(scope.arena, proxy::Step{run, op, where});
  return program.steps.size - 1;
}

bool rewrite_match(Transaction& txn, const expr::Regex& regex, Str subject) {
  bool found = match(txn, regex, subject);
  if (!found) of(txn).capture_count = 0;
  if (logs_rewrite(txn))
    log_rewrite(txn, fmt::format("\"{}\" {} \"{}\"", regex.pattern(), found ? "matches" : "does not match", subject));
  return found;
}

const expr::Regex* compile_regex(Scope& scope, const config::Word& pattern, Str text, bool ignore_case) {
  std::string error;
  auto options = ignore_case ? expr::Regex::kIcase : expr::Regex::kNone;
  const expr::Regex* regex = expr::Regex::compile(scope.arena, text, options, error);
  if (!regex)
    scope.error(pattern.where, fmt::format("invalid regular expression \"{}\": {}", text, error));
  else
    define_captures(scope, *regex);
  return regex;
}

const Module kRewriteModule{"rewrite", sizeof(RewriteConf), module_create<RewriteConf>, kTable,
                            nullptr,   compile_rewrite};

}  // namespace weir::nginx
