// See haproxy/ring.h: the section, and the names of rings and log backends in `log` lines.
#include "haproxy/ring.h"

#include <fmt/format.h>
#include <string.h>

#include <cerrno>

#include "haproxy/bind.h"
#include "haproxy/haproxy.h"
#include "haproxy/log_backend.h"
#include "haproxy/log_line.h"
#include "haproxy/ring_forwarder.h"
#include "haproxy/tables.h"
#include "haproxy/traffic_log.h"

namespace weir::haproxy {
namespace {

Ring* find_ring(const Global& g, Str name) {
  for (Ring* r : g.log_sections.rings)
    if (r->declared && r->name == name) return r;
  return nullptr;
}

LogBackend* find_backend(const Global& g, Str name) {
  for (LogBackend* b : g.log_sections.backends)
    if (b->proxy().name == name) return b;
  return nullptr;
}

// The file begins with the worker: a check must not touch the one that a running process writes.
class RingFile final : public proxy::Service {
 public:
  explicit RingFile(Ring& ring) : ring_(ring) {}
  void start(proxy::Shard& shard) override {
    if (ring_.messages->back_by(ring_.backing_file)) return;
    log_globally(global(shard.model),
                 fmt::format("ring {}: cannot keep it in {}: {}", ring_.name, ring_.backing_file, strerror(errno)));
  }
  void end() override {}

 private:
  Ring& ring_;
};

void bind_section(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Word& name = d.words[1];
  if (const Ring* other = find_ring(scope.global, name.text))
    scope.error(name.where, fmt::format("another ring section is called '{}'", other->name), {},
                fmt::format("sink named '{}' already exists.", name.text));
  Ring* ring = make_ring(scope, name.text);
  ring->declared = true;
  ring->format = SyslogFormat::raw;
  ring->where = d.where;
  scope.proxy = ring->servers;
  bind_lines(scope, d, kRing);
  scope.proxy = nullptr;
  if (ring->max_length <= ring->size) return;
  scope.warning(d.where, fmt::format("messages of ring '{}' may be longer than the ring: they are cut", ring->name), {},
                fmt::format("ring '{}' event max length '{}' exceeds size, forced to size '{}'.", ring->name,
                            ring->max_length, ring->size));
  ring->max_length = static_cast<uint32_t>(ring->size);
}

Ring& current_ring(Scope& scope) {
  return *scope.global.log_sections.rings.back();
}

void bind_description(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  std::string text;
  for (const Word& w : args_of(d, row)) text.append(text.empty() ? "" : " ").append(w.text);
  current_ring(scope).description = scope.keep(text);
}

void bind_format(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  read_syslog_format(scope, args_of(d, row)[0], current_ring(scope).format);
}

void bind_size(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint64_t n = 0;
  if (!read_size(scope, args_of(d, row)[0], row.name, n)) return;
  if (n < 1024 || n > UINT32_MAX)
    scope.error(args_of(d, row)[0].where, fmt::format("a ring of {} bytes", n), "from 1k to 4g",
                fmt::format("invalid size '{}' for new sink buffer.", n));
  else if (row.name == "size")
    current_ring(scope).size = n;
}

void bind_maxlen(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint64_t n = 0;
  if (read_number(scope, args_of(d, row)[0], row.name, 1, UINT32_MAX, n))
    current_ring(scope).max_length = static_cast<uint32_t>(n);
}

void bind_backing_file(void* s, const Directive& d, const Row& row) {
  current_ring(scope_of(s)).backing_file = args_of(d, row)[0].text;
}

template <uint32_t Timeouts::* member>
void bind_timeout(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  read_time_ms(scope, args_of(d, row)[0], row.name, scope.proxy->s.timeouts.*member);
}

constexpr Row ring_row(Str name, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kRing, 1, max, Block::none, Inherit::none, bind, syntax, help};
}

constexpr Row kRows[] = {
    {"ring", kTop, 1, 1, Block::required, Inherit::none, bind_section, "<ringname>",
     "a buffer of log messages in memory"},
    ring_row("backing-file", 1, bind_backing_file, "<path>",
             "keep a copy of the latest bytes in a file, made when the worker starts"),
    ring_row("description", -1, bind_description, "<text>", "text that describes the ring"),
    ring_row("format", 1, bind_format, "<format>", "format of stored messages"),
    ring_row("maxlen", 1, bind_maxlen, "<length>", "longest message that is stored"),
    ring_row("size", 1, bind_size, "<size>", "bytes of the ring"),
    ring_row("timeout connect", 1, bind_timeout<&Timeouts::connect>, "<timeout>",
             "time for a connection to the server"),
    ring_row("timeout server", 1, bind_timeout<&Timeouts::server>, "<timeout>",
             "longest time that data waits to be sent"),
};

}  // namespace

Ring* make_ring(Scope& scope, Str name) {
  auto* ring = scope.arena.own<Ring>();
  ring->name = ring->description = name;
  auto* servers = scope.arena.own<Proxy>();
  servers->kind = Kind::backend;
  servers->name = scope.keep(fmt::format("ring@{}", name));
  servers->s.mode = Mode::log;
  ring->servers = servers;
  scope.global.log_sections.rings.push_back(ring);
  return ring;
}

void forward_to(Scope& scope, Ring& ring, const model::Server& server) {
  if (!ring.messages) ring.messages = scope.arena.own<MessageRing>(ring.size);
  scope.model.services.push_back(scope.arena.own<RingForwarder>(ring, server));
}

void resolve_rings(Scope& scope) {
  Global& g = scope.global;
  for (Ring* ring : g.log_sections.rings) {
    if (!ring->messages) ring->messages = scope.arena.own<MessageRing>(ring->size);
    if (ring->servers->pool) continue;  // of a log backend, which has given each of its servers a service
    for (const model::Server* s : ring->servers->servers) forward_to(scope, *ring, *s);
    if (!ring->backing_file.empty()) scope.model.services.push_back(scope.arena.own<RingFile>(*ring));
  }
  for (LogTarget* t : g.log_sections.named) {
    Str name = t->text.substr(t->text.find('@') + 1);
    bool is_ring = t->via == LogTarget::Via::ring;
    t->ring = is_ring ? find_ring(g, name) : nullptr;
    t->backend = is_ring ? nullptr : find_backend(g, name);
    if (t->ring || t->backend) continue;
    scope.error(t->where, fmt::format("there is no {} '{}'", is_ring ? "ring" : "backend in mode log", name), {},
                is_ring ? fmt::format("'log' : ring section '{}' not found", name)
                        : fmt::format("uses unknown log backend '{}'", name));
  }
}

const config::Table kRingTable = kRows;

}  // namespace weir::haproxy
