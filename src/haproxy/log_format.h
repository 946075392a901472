#pragma once
// log-format strings (configuration.txt 8.2.6): text, `%tag`, `%{flags}tag`, `%[sample]`. Used for logs, header values,
// redirects, returned bodies and set-var-fmt. Compiled once, rendered into the arena of the context.
#include <cstdint>
#include <span>

#include "config/tree.h"
#include "expr/fetch.h"
#include "haproxy/sample.h"

namespace weir::haproxy {

enum FormatFlag : uint16_t {
  kQuote = 1 << 0,  // +Q
  kHex = 1 << 1,  // +X
  kEscape = 1 << 2,  // +E: RFC 5424 structured data
  kMandatory = 1 << 3,  // +M: `-` for what is not there
  kJson = 1 << 4,
  kCbor = 1 << 5,
  kBinary = 1 << 6,  // +bin: binary values as they are
  kMergeSpaces = 1 << 7,
  kPercent = 1 << 8,  // control characters as %XX
};
inline constexpr uint16_t kEncoded = kJson | kCbor;

// What a line has to wait for until all its values are there (bits).
enum FormatWait : uint8_t {
  kWaitRequest = 1 << 0,  // the request head
  kWaitMore = 1 << 1,  // what comes behind it
  kWaitEnd = 1 << 2,  // the end of the exchange
};

// What the string is for.
enum class FormatUse : uint8_t {
  log,  // a log line: `-` for missing values, runs of blanks merged
  id,  // unique-id-format: blanks merged, control characters as %XX
  header,  // header values, targets, locations, cookies: samples unquoted, their control characters as %XX
  text,  // bodies, variables, map keys: values as they are
};

struct LogFormat {
  struct Part;
  using Render = void (*)(const expr::Ctx& ctx, const Part& part, class LineBuilder& out);
  struct Part {
    Render render = nullptr;  // null: `text` as it is
    const expr::Expr* sample = nullptr;
    Str text;  // literal text, or the tag's name
    Str name;  // `%(name)tag`, for encodings
    uint16_t flags = 0;
    expr::Type cast = expr::Type::any;  // `%(name:type)[…]`; binary: raw
  };
  ArenaList<Part> parts;
  uint16_t flags = 0;  // `%{+json}o` and its like, for the whole string
  bool constant = false;  // one literal: `render` copies nothing
  uint8_t waits = 0;  // FormatWait
  Str http_tag;  // the first tag that is only there in HTTP mode, or empty
  Str source;

  bool empty() const { return parts.empty(); }
};

// Compiles `word`; problems are reported with a caret inside the word. Null after an error.
const LogFormat* compile_log_format(const config::Word& word, FormatUse use, const Place& place, ParseEnv& env);
// The same for text that stands in no file (defaults).
const LogFormat* compile_log_format(Str text, FormatUse use, const Place& place, ParseEnv& env,
                                    config::Where where = {});

// The line, without line end, in ctx.arena (for a constant format in the model).
Str render(const LogFormat& format, const expr::Ctx& ctx);

// The lines of `option httplog`, `option httplog clf`, `option httpslog`, `option tcplog` and of no option, as HAProxy
// words them; also the values of HAPROXY_HTTP_LOG_FMT and its like.
inline constexpr Str kHttpLogFormat =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
inline constexpr Str kHttpsLogFormat =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r "
    "%[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";
inline constexpr Str kClfLogFormat =
    "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq "
    "%bq %CC %CS %hrl %hsl";
inline constexpr Str kTcpLogFormat = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
inline constexpr Str kTcpClfLogFormat =
    "%{+Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc "
    "%sq "
    "%bq \"\" \"\" ";
inline constexpr Str kRfc5424SdFormat = "- ";

// Names of all tags, for suggestions and the manual.
struct TagHelp {
  Str name;
  bool http;  // only with `mode http`
  Str help;
};
std::span<const TagHelp> log_tags();

}  // namespace weir::haproxy
