// `option X` of proxies that switch something on, and those that weir needs no option for.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

bool wanted(const Directive& d) {
  return !d.negated && !d.defaulted;
}

void set_option(Settings& s, uint64_t bit, bool on) {
  s.options = on ? s.options | bit : s.options & ~bit;
}

template <Option bit>
void bind_flag(void* s, const Directive& d, const Row&) {
  set_option(scope_of(s).proxy->s, bit, wanted(d));
}

// On unless it is said not to be, in HTTP; in TCP the other way round.
void bind_abort_on_close(void* s, const Directive& d, const Row&) {
  Settings& settings = scope_of(s).proxy->s;
  set_option(settings, kOptAbortOnClose, wanted(d));
  set_option(settings, kOptNoAbortOnClose, !wanted(d));
}

// The three connection modes exclude each other: the last one counts, `no` goes back to keep-alive.
template <uint64_t bit>
void bind_connection_mode(void* s, const Directive& d, const Row&) {
  Settings& settings = scope_of(s).proxy->s;
  constexpr uint64_t kModes = kOptServerClose | kOptHttpClose;
  if (wanted(d))
    settings.options = (settings.options & ~kModes) | bit;
  else
    settings.options &= ~bit;
}

void bind_old_close(void* s, const Directive& d, const Row& row) {
  scope_of(s).warning(d.where, fmt::format("'{}' is the old name of 'option httpclose'", row.name),
                      "write: option httpclose");
  bind_connection_mode<kOptHttpClose>(s, d, row);
}

void bind_redispatch(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Settings& settings = scope.proxy->s;
  settings.redispatch = wanted(d);
  settings.redispatch_after = -1;
  Words args = args_of(d, row);
  if (args.empty()) return;
  Str text = args[0].text;
  bool negative = text.starts_with('-');
  auto n = parse_u64(negative ? text.substr(1) : text);
  if (!n || *n > 1000) {
    scope.error(args[0].where, fmt::format("'option redispatch' takes an interval of retries, not '{}'", text), {},
                fmt::format("invalid integer value '{}' for 'option redispatch'.", text));
    return;
  }
  settings.redispatch_after = negative ? -static_cast<int>(*n) : static_cast<int>(*n);
  if (*n == 0) settings.redispatch = false;
}

void bind_old_redispatch(void* s, const Directive& d, const Row& row) {
  scope_of(s).warning(d.where, fmt::format("'{}' is the old name of 'option redispatch'", row.name),
                      "write: option redispatch");
  scope_of(s).proxy->s.redispatch = true;
}

void bind_httplog(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  bool tcp = row.name == "option tcplog";
  if (!args.empty() && args[0] != Str("clf")) {
    scope.error(args[0].where, fmt::format("'{}' takes only 'clf'", row.name), {},
                fmt::format("keyword '{}' only supports option 'clf'.", row.name));
    return;
  }
  Settings& settings = scope.proxy->s;
  if (!wanted(d)) {
    settings.log_style = LogStyle::none;
    return;
  }
  settings.log_style_where = d.where;
  bool clf = !args.empty();
  settings.log_style = tcp ? (clf ? LogStyle::tcp_clf : LogStyle::tcp) : (clf ? LogStyle::http_clf : LogStyle::http);
  if (row.name == "option httpslog") settings.log_style = LogStyle::https;
  settings.log_format = {};
}

void bind_restrict_names(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  NamePolicy& policy = scope.proxy->s.request_names;
  if (word == "preserve")
    policy = NamePolicy::preserve;
  else if (word == "delete")
    policy = NamePolicy::remove;
  else if (word == "reject")
    policy = NamePolicy::reject;
  else
    scope.error(word.where, fmt::format("'{}' is not a policy for header names", word.text),
                "one of preserve, delete, reject");
}

template <Option bit>
void bind_old_unsafe(void* s, const Directive& d, const Row& row) {
  scope_of(s).warning(d.where, fmt::format("'{}' is deprecated", row.name),
                      fmt::format("use: {}", row.help.substr(row.help.find("replaced by: ") + 13)));
  bind_flag<bit>(s, d, row);
}

constexpr Row flag(Str name, ContextMask contexts, config::BindFn bind, Str help) {
  return {name, contexts, 0, 0, Block::none, Inherit::copy, bind, "", help};
}
constexpr Row needless(Str name, ContextMask contexts, Str help, Str why) {
  return {name, contexts, 0, 0, Block::none, Inherit::copy, nullptr, "", help, why};
}

constexpr Str kKernelDecides = "weir never delays small writes, and the kernel decides the rest";
constexpr Str kNoSplice = "bodies are forwarded from one read buffer; splicing would cost more system calls";
constexpr Str kAlwaysSo = "weir always behaves so";

constexpr Row kRows[] = {
    flag("option abortonclose", kProxies, bind_abort_on_close,
         "drop requests whose client has left before a server has them (the default in HTTP)"),
    flag("option allbackups", kBackends, bind_flag<kOptAllBackups>,
         "use all backup servers at once instead of the first"),
    flag("option persist", kBackends, bind_flag<kOptPersist>, "keep clients on their server although it is down"),
    flag("option dontlognull", kFrontends, bind_flag<kOptDontLogNull>, "do not log connections without data"),
    flag("option dontlog-normal", kFrontends, bind_flag<kOptDontLogNormal>, "do not log what went well"),
    flag("option http-buffer-request", kProxies, bind_flag<kOptBufferRequest>,
         "wait for the request body before rules and forwarding"),
    flag("option http-ignore-probes", kFrontends, bind_flag<kOptIgnoreProbes>,
         "neither log nor answer connections that close without a request"),
    flag("option logasap", kFrontends, bind_flag<kOptLogAsap>, "log as soon as the response head is known"),
    flag("option log-separate-errors", kFrontends, bind_flag<kOptSeparateErrors>, "log errors at a higher level"),
    flag("option http-drop-request-trailers", kBackends, bind_flag<kOptDropRequestTrailers>,
         "drop trailers of requests"),
    flag("option http-drop-response-trailers", kFrontends, bind_flag<kOptDropResponseTrailers>,
         "drop trailers of responses"),
    flag("option accept-unsafe-violations-in-http-request", kFrontends, bind_flag<kOptUnsafeRequest>,
         "relax the parser for requests"),
    flag("option accept-unsafe-violations-in-http-response", kBackends, bind_flag<kOptUnsafeResponse>,
         "relax the parser for responses"),
    flag("option accept-invalid-http-request", kFrontends, bind_old_unsafe<kOptUnsafeRequest>,
         "deprecated; replaced by: option accept-unsafe-violations-in-http-request"),
    flag("option accept-invalid-http-response", kBackends, bind_old_unsafe<kOptUnsafeResponse>,
         "deprecated; replaced by: option accept-unsafe-violations-in-http-response"),
    flag("option http-keep-alive", kProxies, bind_connection_mode<0>, "keep HTTP/1 connections alive on both sides"),
    flag("option http-server-close", kProxies, bind_connection_mode<kOptServerClose>,
         "close the server side after each response"),
    flag("option httpclose", kProxies, bind_connection_mode<kOptHttpClose>, "close both sides after each response"),
    flag("option forceclose", kProxies, bind_old_close,
         "close both sides after each response; replaced by: option httpclose"),
    {"option redispatch", kBackends, 0, 1, Block::none, Inherit::copy, bind_redispatch, "[<interval>]",
     "choose another server after failed connection attempts"},
    flag("redispatch", kBackends, bind_old_redispatch,
         "choose another server after failures; replaced by: option redispatch"),
    flag("redisp", kBackends, bind_old_redispatch,
         "choose another server after failures; replaced by: option redispatch"),
    {"option httplog", kFrontends | kBackend, 0, 1, Block::none, Inherit::copy, bind_httplog, "[ clf ]",
     "log HTTP requests in detail"},
    {"option httpslog", kFrontends | kBackend, 0, 0, Block::none, Inherit::copy, bind_httplog, "",
     "log HTTPS requests with TLS details"},
    {"option tcplog", kFrontends | kBackend, 0, 1, Block::none, Inherit::copy, bind_httplog, "[clf]",
     "log TCP streams in detail"},
    {"option http-restrict-req-hdr-names", kProxies, 1, 1, Block::none, Inherit::copy, bind_restrict_names,
     "{ preserve | delete | reject }", "keep, delete or reject unusual request header names"},
    needless("option splice-auto", kProxies, "splice in the kernel when it is worth it", kNoSplice),
    needless("option splice-request", kProxies, "splice request data in the kernel", kNoSplice),
    needless("option splice-response", kProxies, "splice response data in the kernel", kNoSplice),
    needless("option tcpsplice", kProxies, "kernel splicing of 1.3; replaced by: option splice-auto", kNoSplice),
    needless("option tcp-smart-accept", kFrontends, "save an ACK packet while accepting", kKernelDecides),
    needless("option tcp-smart-connect", kBackends, "save an ACK packet while connecting", kKernelDecides),
    needless("option http-no-delay", kProxies, "send small pieces of HTTP data at once", kAlwaysSo),
    needless("option http-pretend-keepalive", kBackends,
             "announce keep-alive to servers although the connection is closed",
             "a server connection is closed by weir itself after the response"),
    needless("option prefer-last-server", kBackends, "stay on the last server when nothing else decides",
             "server connections are shared by all clients of a shard"),
    needless("option contstats", kFrontends, "update statistics while long streams run", kAlwaysSo),
    needless(
        "option idle-close-on-response", kFrontends,
        "close idle client connections only after a response during a soft stop",
        "at a reload idle connections move to the new worker; without a master they have five seconds when it ends"),
    needless("option http-use-htx", kProxies,
             "the newer HTTP engine, now the only one; replaced by: nothing, remove it",
             "there is only one HTTP engine"),
    needless("option http-tunnel", kProxies,
             "stop looking after the first request; replaced by: option http-keep-alive", "every request is looked at"),
    needless("option disable-h2-upgrade", kFrontends,
             "do not switch to HTTP/2 when a client sends its preface in clear text", "weir does not switch by itself"),
    needless("option socket-stats", kFrontends, "keep statistics of each listening socket",
             "counters are kept for each frontend"),
};

}  // namespace

const config::Table kOptionTable = kRows;

}  // namespace weir::haproxy
