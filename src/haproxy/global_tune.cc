// `tune.…` words that weir takes: a few limits, and those whose subject it manages by itself. Each says why.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "haproxy/track.h"
#include "lua/program.h"

namespace weir::haproxy {
namespace {

void bind_max_headers(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), args_of(d, row)[0], row.name, 1, 32767, n))
    scope_of(s).global.tune_max_headers = static_cast<uint32_t>(n);
}

void bind_stick_counters(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), args_of(d, row)[0], row.name, 0, Trackers::kMost, n))
    scope_of(s).global.stick_counters = static_cast<uint32_t>(n);
}

void bind_bufsize(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_size(scope_of(s), args_of(d, row)[0], row.name, n))
    scope_of(s).global.tune_bufsize = static_cast<uint32_t>(n);
}

void bind_accepts(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  uint64_t n = UINT32_MAX;
  if (word == "-1" || read_number(scope, word, row.name, 1, INT32_MAX, n))
    scope.model.process.accepts = static_cast<uint32_t>(n);
}

void bind_share_idle(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& how = args_of(d, row)[0];
  if (how == "full" || how == "on" || how == "off")
    scope.model.process.share_idle = how != Str("off");
  else
    scope.error(how.where, fmt::format("'{}' is not a way to share idle connections", how.text), "full, on or off",
                fmt::format("'{}' expects either 'on', 'full' or 'off' but got '{}'.", row.name, how.text));
}

void bind_logged_line(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), args_of(d, row)[0], row.name, 1, INT32_MAX, n))
    scope_of(s).global.tune_logged_line = static_cast<uint32_t>(n);
}

void bind_lua_burst(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), args_of(d, row)[0], row.name, lua::Program::of(scope_of(s).model).burst_ms);
}

constexpr Row word(Str name, config::BindFn bind, Str syntax, Str help) {
  return {name, kGlobal, 1, 1, Block::none, Inherit::none, bind, syntax, help};
}
constexpr Row idle(Str name, Str syntax, Str help, Str why) {
  return {name, kGlobal, 0, -1, Block::none, Inherit::none, nullptr, syntax, help, why};
}

constexpr Str kNoHttp2 = "HTTP/2 is not spoken yet";
constexpr Str kOneLife = "variables are not limited: they go with their request or connection";
constexpr Str kBuffers = "buffers are managed by need, not by number";
constexpr Str kCopies = "there is one read buffer per shard, and bodies are written from it";
constexpr Str kBatches = "batches of events are bounded by the loop";
constexpr Str kZlib = "compression uses zlib's usual memory";
constexpr Str kOpenssl = "OpenSSL's own choice is used";

constexpr Row kRows[] = {
    word("tune.http.maxhdr", bind_max_headers, "<number>", "largest number of headers in a message"),
    word("tune.http.logurilen", bind_logged_line, "<number>",
         "so much of a request's line is logged; all of it by default"),
    word("tune.bufsize", bind_bufsize, "<size>", "largest request and response head"),
    word("tune.stick-counters", bind_stick_counters, "<number>",
         "stick counters that a connection or a request may track at once; 3 by default"),
    word("tune.idle-pool.shared", bind_share_idle, "{ full | on | off }",
         "whether threads share idle server connections"),
    word("tune.maxaccept", bind_accepts, "<number>", "connections taken from a socket in a row; -1: any number"),
    word("tune.lua.burst-timeout", bind_lua_burst, "<timeout>",
         "how long a Lua script may run without a wait; 1s by default, 0: no limit"),
    idle("tune.maxrewrite", "<size>", "buffer space reserved for rewriting headers", kBuffers),
    idle("tune.buffers.limit", "<number>", "limit of buffers of the process", kBuffers),
    idle("tune.buffers.reserve", "<number>", "buffers kept for emergencies", kBuffers),
    idle("tune.bufsize.small", "<size>", "size of small buffers", kBuffers),
    idle("tune.bufsize.large", "<size>", "size of large buffers", kBuffers),
    idle("tune.pipesize", "<size>", "size of kernel pipes used for splicing", kCopies),
    idle("tune.recv_enough", "<number>", "bytes after which reading pauses", kCopies),
    idle("tune.disable-zero-copy-forwarding", "", "do not forward without copying", kCopies),
    idle("tune.disable-fast-forward", "", "do not forward without looking", kCopies),
    idle("tune.maxpollevents", "<number>", "events processed at once", kBatches),
    idle("tune.runqueue-depth", "<number>", "tasks run at once", kBatches),
    idle("tune.sched.low-latency", "{ on | off }", "prefer short tasks", kBatches),
    idle("tune.events.max-events-at-once", "<number>", "events of a subscriber handled at once", kBatches),
    idle("tune.idletimer", "<timeout>", "silence after which a stream counts as idle", kBatches),
    idle("tune.fd.edge-triggered", "{ on | off }", "edge-triggered polling", "polling is always edge-triggered"),
    idle("tune.listener.multi-queue", "{ on | fair | off }", "spread accepted connections over threads",
         "each shard accepts for itself"),
    idle("tune.listener.default-shards", "{ by-process | by-thread | by-group }", "sockets per listener",
         "each shard accepts for itself"),
    idle("tune.comp.maxlevel", "<number>", "highest level of compression", kZlib),
    idle("tune.zlib.memlevel", "<number>", "memory of zlib", kZlib),
    idle("tune.zlib.windowsize", "<number>", "window of zlib", kZlib),
    idle("tune.pattern.cache-size", "<number>", "cache of pattern lookups", "patterns are indexed, not cached"),
    idle("tune.http.cookielen", "<number>", "longest captured cookie", "captures have their own lengths"),
    idle("tune.chksize", "<number>", "buffer of health checks; replaced by: tune.bufsize", kBuffers),
    idle("tune.ssl.default-dh-param", "<number>", "size of ephemeral Diffie-Hellman keys", kOpenssl),
    idle("tune.ssl.maxrecord", "<number>", "largest TLS record", kOpenssl),
    idle("tune.ssl.force-private-cache", "", "one session cache per process", kOpenssl),
    idle("tune.h1.zero-copy-fwd-recv", "{ on | off }", "receive HTTP/1 bodies without copying", kCopies),
    idle("tune.h1.zero-copy-fwd-send", "{ on | off }", "send HTTP/1 bodies without copying", kCopies),
    idle("tune.h2.be.glitches-threshold", "<number>", "glitches after which an HTTP/2 server connection is closed",
         kNoHttp2),
    idle("tune.h2.be.initial-window-size", "<number>", "HTTP/2 initial window towards servers", kNoHttp2),
    idle("tune.h2.be.max-concurrent-streams", "<number>", "HTTP/2 concurrent streams per server connection", kNoHttp2),
    idle("tune.h2.be.max-frames-at-once", "<number>", "HTTP/2 frames handled at once per server connection", kNoHttp2),
    idle("tune.h2.be.rxbuf", "<size>", "HTTP/2 receive buffer of server connections", kNoHttp2),
    idle("tune.h2.fe.glitches-threshold", "<number>", "glitches after which an HTTP/2 client connection is closed",
         kNoHttp2),
    idle("tune.h2.fe.initial-window-size", "<number>", "HTTP/2 initial window towards clients", kNoHttp2),
    idle("tune.h2.fe.max-concurrent-streams", "<number> [args...]", "HTTP/2 concurrent streams per client connection",
         kNoHttp2),
    idle("tune.h2.fe.max-frames-at-once", "<number>", "HTTP/2 frames handled at once per client connection", kNoHttp2),
    idle("tune.h2.fe.max-rst-at-once", "<number>", "RST_STREAM frames handled at once per client connection", kNoHttp2),
    idle("tune.h2.fe.max-total-streams", "<number>", "HTTP/2 streams in a client connection's life", kNoHttp2),
    idle("tune.h2.fe.rxbuf", "<size>", "HTTP/2 receive buffer of client connections", kNoHttp2),
    idle("tune.h2.header-table-size", "<number>", "HTTP/2 dynamic header table", kNoHttp2),
    idle("tune.h2.initial-window-size", "<number>", "HTTP/2 initial window on both sides", kNoHttp2),
    idle("tune.h2.log-errors", "{ none | connection | stream }", "which HTTP/2 errors are logged", kNoHttp2),
    idle("tune.h2.max-concurrent-streams", "<number>", "HTTP/2 concurrent streams on both sides", kNoHttp2),
    idle("tune.h2.max-frame-size", "<number>", "largest HTTP/2 frame that is announced", kNoHttp2),
    idle("tune.h2.zero-copy-fwd-send", "{ on | off }", "send HTTP/2 data without copies", kNoHttp2),
    idle("tune.lua.maxmem", "<number>", "limit of memory for Lua, in megabytes", "LuaJIT has its own limit"),
    idle("tune.vars.global-max-size", "<size>", "limit of memory for all variables", kOneLife),
    idle("tune.vars.proc-max-size", "<size>", "limit of memory for process variables", kOneLife),
    idle("tune.vars.sess-max-size", "<size>", "limit of memory for a session's variables", kOneLife),
    idle("tune.vars.txn-max-size", "<size>", "limit of memory for a transaction's variables", kOneLife),
    idle("tune.vars.reqres-max-size", "<size>", "limit of memory for request and response variables", kOneLife),
    idle("tune.vars.check-max-size", "<size>", "limit of memory for a health check's variables", kOneLife),
    idle("tune.pt.zero-copy-forwarding", "{ on | off }", "forward TCP bodies without copying", kCopies),
};

}  // namespace

const config::Table kGlobalTuneTable = kRows;

}  // namespace weir::haproxy
