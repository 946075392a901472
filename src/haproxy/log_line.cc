// `log` lines of the global section and of proxies, and the words that shape log messages (configuration.txt 8).
#include "haproxy/log_line.h"

#include <fmt/format.h>

#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/ring.h"
#include "haproxy/server_line.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

constexpr std::pair<Str, SyslogFormat> kFormats[] = {
    {"local", SyslogFormat::local},       {"rfc3164", SyslogFormat::rfc3164}, {"rfc5424", SyslogFormat::rfc5424},
    {"priority", SyslogFormat::priority}, {"short", SyslogFormat::shortened}, {"timed", SyslogFormat::timed},
    {"iso", SyslogFormat::iso},           {"raw", SyslogFormat::raw},
};

struct Parser {
  Scope& scope;
  Words words;
  LogTarget& target;
  size_t at = 1;

  bool address();
  bool stream();
  bool option();
  bool sample(const Word& value);
  bool levels();
  bool level(uint8_t& out);
};

bool Parser::address() {
  Str text = words[0].text;
  target.text = text;
  target.where = words[0].where;
  if (text == "stdout" || text == "stderr") {
    target.fd = text == "stdout" ? 1 : 2;
    return true;
  }
  if (text.starts_with("ring@") || text.starts_with("backend@")) {
    target.via = text.starts_with("ring@") ? LogTarget::Via::ring : LogTarget::Via::backend;
    scope.global.log_sections.named.push_back(&target);
    return true;
  }
  if (says_stream(text)) return stream();
  Address a;
  std::string problem;
  if (!parse_address(text, a, problem, scope.arena)) {
    scope.error(words[0].where, problem, {}, fmt::format("'log' : {}", problem));
    return false;
  }
  if (a.family == Address::Family::descriptor) {
    target.fd = a.fd;
    return true;
  }
  target.via = LogTarget::Via::datagram;
  if (a.port < 0) a.port = a.last_port = 514;
  std::vector<net::Addr> addrs;
  if (socket_addresses(a, scope.arena, addrs, problem)) {
    target.addr = addrs[0];
    return true;
  }
  scope.missing(words[0].where, problem, fmt::format("'log' : {}", problem));
  return scope.options.offline;
}

// A stream gets a ring of its own, and its address is the ring's server.
bool Parser::stream() {
  target.via = LogTarget::Via::ring;
  target.ring = make_ring(scope, words[0].text);
  return add_plain_server(scope, *target.ring->servers, words[0]) != nullptr;
}

bool Parser::sample(const Word& value) {
  Str text = value.text;
  size_t colon = text.rfind(':');
  auto size = colon == Str::npos ? std::nullopt : parse_u64(text.substr(colon + 1));
  if (!size || *size == 0 || *size > 1000000) {
    scope.error(value.where, fmt::format("'{}' is not a sample", text), "write: 1,2-5:10", "Missing sample size");
    return false;
  }
  target.sample_size = static_cast<uint32_t>(*size);
  target.seen = scope.arena.make<std::atomic<uint32_t>>(0);
  Str ranges = text.substr(0, colon);
  while (!ranges.empty()) {
    Str range = cut(ranges, ',');
    Str low_text = cut(range, '-');
    auto low = parse_u64(low_text), high = range.empty() ? low : parse_u64(range);
    if (!low || !high || *low < 1 || *high < *low || *high > *size) {
      scope.error(value.where, fmt::format("'{}' has a range that does not fit", text), "write: 1,2-5:10");
      return false;
    }
    target.sample.push(scope.arena, {static_cast<uint32_t>(*low), static_cast<uint32_t>(*high)});
  }
  return true;
}

bool Parser::option() {
  const Word& word = words[at];
  if (at + 1 >= words.size()) {
    scope.error(word.where, fmt::format("'{}' lacks its argument", word.text));
    return false;
  }
  const Word& value = words[at + 1];
  at += 2;
  uint64_t n = 0;
  if (word == "len") {
    if (!read_number(scope, value, "len", 80, 65535, n)) return false;
    target.max_length = static_cast<uint32_t>(n);
    return true;
  }
  if (word == "sample") return sample(value);
  if (word == "profile") {
    target.profile_name = value.text;
    target.profile_where = value.where;
    return true;
  }
  return read_syslog_format(scope, value, target.format);
}

bool Parser::level(uint8_t& out) {
  if (at >= words.size()) return true;
  int n = log_level(words[at].text);
  if (n < 0) {
    scope.error(words[at].where, fmt::format("'{}' is not a log level", words[at].text),
                "emerg, alert, crit, err, warning, notice, info or debug",
                fmt::format("'log' : unknown optional log level '{}'", words[at].text));
    return false;
  }
  out = static_cast<uint8_t>(n);
  at++;
  return true;
}

bool Parser::levels() {
  if (at >= words.size()) {
    scope.error(words[0].where, "the facility is missing", "write for example: log stdout format raw local0",
                "'log' : expects <address> and <facility> or global as arguments");
    return false;
  }
  int facility = log_facility(words[at].text);
  if (facility < 0) {
    scope.error(words[at].where, fmt::format("'{}' is not a facility", words[at].text),
                "local0 to local7, daemon, user …", fmt::format("'log' : unknown log facility '{}'", words[at].text));
    return false;
  }
  target.facility = static_cast<uint8_t>(facility);
  at++;
  if (!level(target.level) || !level(target.min_level)) return false;
  if (at == words.size()) return true;
  scope.error(words[at].where, fmt::format("'{}' is not expected here", words[at].text), {},
              fmt::format("'log' : cannot handle unexpected argument '{}'", words[at].text));
  return false;
}

LogTarget* parse_target(Scope& scope, Words words) {
  auto* target = scope.arena.make<LogTarget>();
  Parser p{scope, words, *target};
  if (!p.address()) return nullptr;
  while (p.at < words.size() &&
         (words[p.at] == "len" || words[p.at] == "format" || words[p.at] == "sample" || words[p.at] == "profile"))
    if (!p.option()) return nullptr;
  if (!p.levels()) return nullptr;
  target->index = static_cast<uint32_t>(scope.global.targets.size());
  scope.global.targets.push_back(target);
  return target;
}

void bind_log(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  Settings* settings = scope.proxy ? &scope.proxy->s : nullptr;
  ArenaList<LogTarget*>& logs = settings ? settings->logs : scope.global.logs;
  if (d.negated) {
    logs = {};
    if (settings) settings->log_global = false;
    return;
  }
  if (settings && words.size() == 1 && words[0] == "global") {
    settings->log_global = true;
    return;
  }
  if (words.empty()) {
    scope.error(d.where, "'log' lacks its arguments", fmt::format("write: log {}", row.syntax),
                "'log' : expects <address> and <facility> or global as arguments");
    return;
  }
  if (LogTarget* target = parse_target(scope, words)) logs.push(scope.arena, target);
}

template <Word Settings::* member>
void bind_format(void* s, const Directive& d, const Row& row) {
  scope_of(s).proxy->s.*member = args_of(d, row)[0];
}

void bind_tag(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Str tag = args_of(d, row)[0].text;
  (scope.proxy ? scope.proxy->s.log_tag : scope.global.log_tag) = tag;
}

void bind_hostname(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  scope.global.log_hostname_on = true;
  if (!args.empty()) scope.global.log_hostname = args[0].text;
}

constexpr Str kSyntax =
    "{ global | <target> [len <length>] [format <format>] [sample <ranges>:<sample_size>] [profile <prof>] <facility> "
    "[<level> [<minlevel>]] }";

constexpr Row kRows[] = {
    {"log", kGlobal, 2, -1, Block::none, Inherit::none, bind_log, kSyntax,
     "send the logs of the process and of `log global` to this target"},
    {"log", kProxies | kLogForward | kPeers, 0, -1, Block::none, Inherit::copy, bind_log, kSyntax,
     "send logs to a target, or to those of the global section"},
    {"log-format", kFrontends | kBackend, 1, 1, Block::none, Inherit::copy, bind_format<&Settings::log_format>, "<fmt>",
     "format of traffic logs"},
    {"log-format-sd", kFrontends, 1, 1, Block::none, Inherit::copy, bind_format<&Settings::log_format_sd>, "<fmt>",
     "structured data of RFC 5424 logs"},
    {"error-log-format", kFrontends, 1, 1, Block::none, Inherit::copy, bind_format<&Settings::error_log_format>,
     "<fmt>", "format of logs about failed connections"},
    {"log-tag", kProxies | kGlobal, 1, 1, Block::none, Inherit::copy, bind_tag, "<string>",
     "program name in the header of syslog messages"},
    {"log-send-hostname", kGlobal, 0, 1, Block::none, Inherit::none, bind_hostname, "[<string>]",
     "host name in the header of syslog messages"},
};

}  // namespace

bool read_syslog_format(Scope& scope, const Word& word, SyslogFormat& out) {
  for (auto& [name, format] : kFormats)
    if (word == name) {
      out = format;
      return true;
    }
  scope.error(word.where, fmt::format("'{}' is not a log format", word.text),
              "local, rfc3164, rfc5424, priority, short, timed, iso or raw",
              fmt::format("'log' : unknown log format '{}'", word.text));
  return false;
}

const config::Table kLogTable = kRows;

}  // namespace weir::haproxy
