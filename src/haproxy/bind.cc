// See haproxy/bind.h. The index of all rows is built once, at the first use.
#include "haproxy/bind.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/sections.h"
#include "haproxy/haproxy.h"
#include "haproxy/planned.h"
#include "haproxy/tables.h"
#include "haproxy/tls_files.h"

namespace weir::haproxy {
namespace {

struct NamedContext {
  ContextMask bit;
  Str name;
};
constexpr NamedContext kNames[] = {
    {kGlobal, "global"},
    {kDefaults, "defaults"},
    {kFrontend, "frontend"},
    {kListen, "listen"},
    {kBackend, "backend"},
    {kResolvers, "resolvers"},
    {kPeers, "peers"},
    {kUserlist, "userlist"},
    {kMailers, "mailers"},
    {kCache, "cache"},
    {kRing, "ring"},
    {kLogForward, "log-forward"},
    {kHttpErrors, "http-errors"},
    {kFcgiApp, "fcgi-app"},
    {kProgram, "program"},
    {kTraces, "traces"},
    {kCrtStore, "crt-store"},
    {kAcme, "acme"},
    {kLogProfile, "log-profile"},
    {kHealthcheck, "healthcheck"},
    {kDynUpdate, "dynamic-update"},
};

Str context_name(ContextMask context) {
  for (const NamedContext& c : kNames)
    if (c.bit == context) return c.name;
  return "configuration";
}

std::string context_names(const std::vector<const Row*>& rows) {
  ContextMask all = 0;
  for (const Row* r : rows) all |= r->contexts;
  std::string out;
  for (const NamedContext& c : kNames)
    if (all & c.bit) out += fmt::format("{}{}", out.empty() ? "" : ", ", c.name);
  return out;
}

// "name prefix." rows stand for every word that starts so (`http-request lua.route`).
const Row* find_dotted(const Directive& d, ContextMask context) {
  for (size_t n = std::min<size_t>(3, d.words.size()); n >= 1; n--) {
    Str last = d.words[n - 1].text;
    size_t dot = last.find('.');
    if (dot == Str::npos) continue;
    std::string name;
    for (size_t i = 0; i + 1 < n; i++) name.append(d.words[i].text).append(" ");
    name.append(last.substr(0, dot + 1));
    if (const Row* row = index().find_name(name, context)) return row;
  }
  return nullptr;
}

// `track-sc3` and its like: the row is that of the name with <N> for the number.
const Row* find_numbered(const Directive& d, ContextMask context) {
  for (size_t n = std::min<size_t>(3, d.words.size()); n >= 2; n--) {
    Str last = d.words[n - 1].text;
    const size_t digits = last.find_first_of("0123456789");
    if (digits == Str::npos || !digits || last.find_first_not_of("0123456789", digits) != Str::npos) continue;
    std::string name;
    for (size_t i = 0; i + 1 < n; i++) name.append(d.words[i].text).append(" ");
    name.append(last.substr(0, digits)).append("<N>");
    if (const Row* row = index().find_name(name, context)) return row;
  }
  return nullptr;
}

// How many words the keyword takes for the reader: rule families and options name two.
std::string keyword_of(const Directive& d) {
  constexpr Str kFamilies[] = {"option",      "timeout",      "stats",      "http-request", "http-response",
                               "tcp-request", "tcp-response", "http-check", "tcp-check",    "http-after-response",
                               "compression", "capture",      "stick",      "email-alert",  "filter"};
  bool family = std::find(std::begin(kFamilies), std::end(kFamilies), d.name()) != std::end(kFamilies);
  std::string out(d.name());
  if (family && d.args() > 0) out.append(" ").append(d.arg(0).text);
  if (family && d.args() > 1 && (d.name() == "tcp-request" || d.name() == "tcp-response"))
    out.append(" ").append(d.arg(1).text);
  return out;
}

// What to write where an option of bind or server lines stands on a line of its own; empty when the word is none.
Str line_of_option(Str word) {
  if (index().find_name(word, kServerOption)) return "it is an option of server and default-server lines";
  if (index().find_name(word, kBindOption)) return "it is an option of bind lines";
  return {};
}

// The place of the first `n` words that stand on one line.
Where place_of_words(const Directive& d, size_t n) {
  Where where = d.where;
  for (size_t i = 1; i < n && i < d.words.size(); i++) {
    const Where& next = d.words[i].where;
    if (next.source == where.source && next.line == where.line && next.column > where.column)
      where.length = next.column + next.length - where.column;
  }
  return where;
}

size_t words_in(Str name) {
  return 1 + static_cast<size_t>(std::count(name.begin(), name.end(), ' '));
}

// The keyword that was probably meant: by all its words, by its first one, or a section's.
std::string suggestion(const Scope& scope, const Directive& d, Str word) {
  if (Str option = line_of_option(word); !option.empty()) return std::string(option);
  std::vector<Str> names = index().names(scope.context);
  if (Str near = config::nearest(word, names); !near.empty()) return fmt::format("did you mean '{}'?", near);
  for (Str& name : names) name = name.substr(0, name.find(' '));
  Str near = config::nearest(d.name(), names);
  if (!near.empty() && near != d.name()) return fmt::format("did you mean '{}'?", near);
  // Sections are called by the beginning of their name, too: `front`, `back`, `default`.
  near = config::nearest(d.name(), index().names(kTop));
  for (Str section : index().names(kTop))
    if (near.empty() && d.name().size() > 2 && section.starts_with(d.name())) near = section;
  return near.empty() ? std::string() : fmt::format("did you mean the section '{}'?", near);
}

// HAProxy refuses these where the proxy lacks the side they belong to; it only ignores the others.
bool must_have_side(Str name) {
  constexpr Str kStrict[] = {"server",
                             "default-server",
                             "server-template",
                             "use-fcgi-app",
                             "ssl-f-use",
                             "declare capture",
                             "tcp-response",
                             "tcp-request connection",
                             "tcp-request session",
                             "retry-on",
                             "hash-preserve-affinity",
                             "be-unpublished",
                             "force-be-switch"};
  return std::any_of(std::begin(kStrict), std::end(kStrict), [&](Str strict) {
    return name.starts_with(strict) && (name.size() == strict.size() || name[strict.size()] == ' ');
  });
}

// A word of the other side in a frontend or backend does nothing there. False: it is none, or HAProxy refuses it.
bool ignore_without_side(Scope& scope, const Directive& d, const std::vector<const Row*>& elsewhere) {
  if (!scope.proxy || (scope.context != kFrontend && scope.context != kBackend)) return false;
  ContextMask all = 0;
  for (const Row* r : elsewhere) all |= r->contexts;
  Str name = elsewhere[0]->name;
  if (!(all & kListen) || must_have_side(name)) return false;
  Str here = context_name(scope.context);
  Str side = scope.context == kFrontend ? "backend" : "frontend";
  Str shown = name.starts_with("option ") ? name.substr(7) : name;
  scope.warning(
      place_of_words(d, words_in(name)), fmt::format("'{}' does nothing in a {} section", name, here),
      fmt::format("it may stand in: {}", context_names(elsewhere)),
      fmt::format("'{}' ignored because {} '{}' has no {} capability.", shown, here, scope.proxy->name, side));
  return true;
}

void report_unknown(Scope& scope, const Directive& d) {
  std::string word = keyword_of(d);
  Str here = context_name(scope.context);
  size_t used = 0;
  std::vector<const Row*> elsewhere = index().find(d, used);
  elsewhere.erase(
      std::remove_if(elsewhere.begin(), elsewhere.end(), [](const Row* r) { return r->contexts >= kBindOption; }),
      elsewhere.end());
  if (!elsewhere.empty()) {
    if (ignore_without_side(scope, d, elsewhere)) return;
    scope.error(place_of_words(d, words_in(elsewhere[0]->name)),
                fmt::format("'{}' is not allowed in a {} section", elsewhere[0]->name, here),
                config::is_section(elsewhere[0]->name)
                    ? fmt::format("a section stands in no other: close the {} section before it with }}", here)
                    : fmt::format("it may stand in: {}", context_names(elsewhere)),
                fmt::format("keyword '{}' is not allowed in '{}' section", elsewhere[0]->name, here));
    return;
  }
  Str near = config::nearest(word, index().names(scope.context));
  scope.error(place_of_words(d, words_in(word)), fmt::format("unknown keyword '{}' in a {} section", word, here),
              suggestion(scope, d, word),
              fmt::format("unknown keyword '{}' in '{}' section{}", word, here,
                          near.empty() ? std::string() : fmt::format("; did you mean '{}' maybe ?", near)));
}

bool is_removed(const Row& row) {
  return row.help.find("replaced by: ") != Str::npos;
}

void report_removed(Scope& scope, const Directive& d, const Row& row) {
  Str successor = row.help.substr(row.help.find("replaced by: ") + 13);
  // Without its rules a proxy would let through what it was told to keep out.
  if (row.name.ends_with("deny") || row.name.ends_with("tarpit")) {
    scope.error(d.where, fmt::format("'{}' is not a word of HAProxy any more", row.name),
                fmt::format("use: {}", successor),
                fmt::format("The '{}' directive is not supported anymore since HAProxy 2.1. Use '{}' instead.",
                            row.name, successor));
    return;
  }
  // Without the place that they name, requests would have nowhere to go.
  if (row.name == "dispatch" || row.name == "option http_proxy" || row.name.ends_with("transparent")) {
    const Words args = args_of(d, row);
    scope.error(
        d.where, fmt::format("'{}' is not a word of HAProxy any more", row.name),
        args.empty() ? fmt::format("use: {}", successor) : fmt::format("write: server dispatch {}", args[0].text),
        fmt::format("support for '{}' was removed in version 3.5; use: {}", row.name, successor));
    return;
  }
  std::string problem = fmt::format("'{}' is not a word of HAProxy any more and has no effect", row.name);
  scope.warning(d.where, problem, fmt::format("use: {}", successor), fmt::format("{}; use: {}", problem, successor));
}

bool check_arity(Scope& scope, const Directive& d, const Row& row) {
  auto n = static_cast<int>(args_of(d, row).size());
  if (n < row.min_args) {
    scope.error(place_of_words(d, words_in(row.name)), fmt::format("'{}' lacks arguments", row.name),
                fmt::format("write: {} {}", row.name, row.syntax),
                fmt::format("'{}' expects {}.", row.name, row.syntax));
    return false;
  }
  if (row.max_args >= 0 && n > row.max_args) {
    const Word& extra = args_of(d, row)[static_cast<size_t>(row.max_args)];
    scope.error(extra.where, fmt::format("'{}' does not take the argument '{}'", row.name, extra.text),
                row.syntax.empty() ? std::string() : fmt::format("write: {} {}", row.name, row.syntax),
                fmt::format("'{}' cannot handle unexpected argument '{}'.", row.name, extra.text));
    return false;
  }
  return true;
}

}  // namespace

const config::Index& index() {
  static const config::Index built = [] {
    config::Index i;
    for (const config::Table& t :
         {kSectionTable,       kGlobalTable,      kCpuMapTable,          kGlobalTuneTable,   kProxyTable,
          kBindTable,          kBindOptionTable,  kServerTable,          kServerOptionTable, kTlsOptionTable,
          kTimeoutTable,       kTcpOptionTable,   kOptionTable,          kForwardedTable,    kRetryTable,
          kSwitchingTable,     kHeaderRuleTable,  kUriRuleTable,         kNormalizeUriTable, kAnswerRuleTable,
          kAuthRuleTable,      kStatsPageTable,   kRedirectTable,        kVariableRuleTable, kControlRuleTable,
          kTcpRuleTable,       kErrorfileTable,   kBalanceTable,         kLogTable,          kCaptureTable,
          kUniqueIdTable,      kMonitorTable,     kCompressionTable,     kUserlistTable,     kCrtStoreTable,
          kRuntimeSocketTable, kLuaTable,         kOldWordsTable,        kStateFileTable,    kGlobalProcessTable,
          kGlobalTlsTable,     kCheckRuleTable,   kCheckOptionTable,     kHttpCheckTable,    kHealthcheckTable,
          kProtocolCheckTable, kMysqlCheckTable,  kLdapCheckTable,       kSpopCheckTable,    kCheckSpreadTable,
          kExternalCheckTable, kCookieTable,      kStickTable,           kLogProfileTable,   kRingTable,
          kLogForwardTable,    kAddressRuleTable, kForwardedHeaderTable, kTrackTable,        kServerLoadTable,
          kPriorityRuleTable,  kServerNameTable,  kServerRouteTable,     kRdpCookieTable,    kSourceTable,
          kResolversTable,     kResolveRuleTable, kPeersTable,           kServerOriginTable})
      i.add(t);
    add_planned(i);
    i.seal();
    return i;
  }();
  return built;
}

void bind_directive(Scope& scope, const Directive& d) {
  size_t used = 0;
  const Row* row = index().find(d, scope.context, used);
  if (!row) row = find_dotted(d, scope.context);
  if (!row) row = find_numbered(d, scope.context);
  if (!row) return report_unknown(scope, d);
  if (!row->bind && row->no_effect.empty()) {
    if (is_removed(*row)) return report_removed(scope, d, *row);
    scope.planned(d.where, row->name, row->harmless);
    return;
  }
  if (!check_arity(scope, d, *row)) return;
  if (!row->no_effect.empty()) {
    scope.diag.note(d.where, fmt::format("'{}' has no effect in weir: {}", row->name, row->no_effect));
    return;
  }
  row->bind(&scope, d, *row);
}

void bind_lines(Scope& scope, const Directive& section, ContextMask context) {
  ContextMask outer = scope.context;
  const Directive* outer_section = scope.section;
  scope.context = context;
  scope.section = &section;
  for (const Directive& line : section.block) bind_directive(scope, line);
  scope.context = outer;
  scope.section = outer_section;
}

const Row* find_option(Scope& scope, const Word& word, ContextMask context, Str line) {
  Str name = word.text.substr(0, word.text.find('('));
  if (const Row* row = index().find_name(name, context)) return row;
  if (const Row* row = index().find_name(word.text, context)) return row;
  Str near = config::nearest(word.text, index().names(context));
  scope.error(word.where, fmt::format("unknown option '{}' on a {} line", word.text, line),
              near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
              fmt::format("'{}' : unknown keyword '{}'{}", line, word.text,
                          near.empty() ? std::string() : fmt::format("; did you mean '{}' maybe ?", near)));
  return nullptr;
}

bool take_option(Scope& scope, Words words, size_t& at, const Row& row, Words& args) {
  const Word& name = words[at++];
  size_t need = static_cast<unsigned char>(row.min_args);
  if (words.size() - at < need) {
    scope.error(name.where, fmt::format("'{}' lacks its argument", row.name),
                fmt::format("write: {} {}", row.name, row.syntax), fmt::format("'{}' : missing argument.", row.name));
    at = words.size();
    return false;
  }
  args = words.subspan(at, need);
  at += need;
  return true;
}

}  // namespace weir::haproxy
