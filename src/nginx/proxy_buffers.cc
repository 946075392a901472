// See nginx/proxy_buffers.h (ngx_http_proxy_merge_loc_conf).
#include "nginx/proxy_buffers.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::nginx {
namespace {

constexpr uint64_t kPage = 4096;

struct Buffers {
  uint64_t count = 8;
  uint64_t size = kPage;
};

struct ProxyBuffersConf {
  Setting<uint64_t> head;
  Setting<Buffers> body;
  Setting<uint64_t> busy;
  Setting<uint64_t> write;
  Setting<uint64_t> temp_file;
  config::Where where;  // the last of them, on this level or around it
  bool own = false;  // one of them stands on this level
};

void bind_size(void* s, const Directive& d, const Row& row) {
  auto& c = *static_cast<ProxyBuffersConf*>(static_cast<Scope*>(s)->conf);
  c.where = d.where;
  c.own = true;
  set_size(s, d, row);
}

void bind_buffers(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& c = *static_cast<ProxyBuffersConf*>(scope.conf);
  auto n = parse_u64(d.arg(0).text);
  Buffers b;
  if (!n || *n == 0) return bad_value(scope, d, 0, "a number of at least 2");
  if (*n == 1) {
    scope.error(d.arg(0).where, "there must be at least 2 \"proxy_buffers\"");
    return;
  }
  if (!parse_size(d.arg(1).text, b.size)) return bad_value(scope, d, 1, "a size such as 8k");
  b.count = *n;
  c.where = d.where;
  c.own = true;
  c.body = b;
}

// What is wrong with the settings together, in nginx's words; empty: nothing.
std::string problem_of(const ProxyBuffersConf& c) {
  const Buffers b = c.body.get({});
  const uint64_t largest = std::max(c.head.get(kPage), b.size);
  const uint64_t busy = c.busy.get(2 * largest);
  constexpr Str kTooSmall = "the maximum of the value of \"proxy_buffer_size\" and one of the \"proxy_buffers\"";
  if (busy < largest) return fmt::format("\"proxy_busy_buffers_size\" must be equal to or greater than {}", kTooSmall);
  if (busy > (b.count - 1) * b.size)
    return "\"proxy_busy_buffers_size\" must be less than the size of all \"proxy_buffers\" minus one buffer";
  if (c.write.get(2 * largest) < largest)
    return fmt::format("\"proxy_temp_file_write_size\" must be equal to or greater than {}", kTooSmall);
  const uint64_t file = c.temp_file.get(1ull << 30);
  if (file && file < largest)
    return fmt::format(
        "\"proxy_max_temp_file_size\" must be equal to zero to disable temporary files usage or must be equal to or "
        "greater than {}",
        kTooSmall);
  return {};
}

// Told where the settings stand: on this level, or on the one around servers, which has no level around it itself.
void merge_buffers(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<ProxyBuffersConf*>(child);
  const auto& p = *static_cast<const ProxyBuffersConf*>(parent);
  const bool first = scope.level->parent->context == kHttp && p.own;
  if (!c.own) c.where = p.where;
  if (!c.own && !first) return;
  if (std::string problem = problem_of(c); !problem.empty())
    scope.error(c.where, problem, "the five sizes of proxy buffers and files depend on each other");
}

const Row kTable[] = {
    {"proxy_buffer_size",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_size,
     "size",
     "counts towards the memory for one response",
     {},
     WEIR_FIELD(ProxyBuffersConf, head),
     "4k"},
    {"proxy_buffers",
     kHttpServerLocation,
     2,
     2,
     Block::none,
     Inherit::scalar,
     bind_buffers,
     "number size",
     "memory for one response before a temporary file is used",
     {},
     WEIR_FIELD(ProxyBuffersConf, body),
     "8 4k"},
    {"proxy_busy_buffers_size", kHttpServerLocation, 1, 1, Block::none, Inherit::none, bind_size, "size",
     "part of the buffers that may be busy", "bytes are sent as they come", WEIR_FIELD(ProxyBuffersConf, busy)},
    {"proxy_temp_file_write_size", kHttpServerLocation, 1, 1, Block::none, Inherit::none, bind_size, "size",
     "write size for temporary files", "what one read brought is written at once", WEIR_FIELD(ProxyBuffersConf, write)},
    {"proxy_max_temp_file_size",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_size,
     "size",
     "largest temporary file of a response; 0: none is used",
     {},
     WEIR_FIELD(ProxyBuffersConf, temp_file),
     "1024m"},
};

const ProxyBuffersConf& conf_of(const Location& location) {
  return location.of<ProxyBuffersConf>(kProxyBuffersModule);
}

}  // namespace

uint32_t response_memory(const Location& location) {
  const auto& c = conf_of(location);
  const Buffers b = c.body.get({});
  return static_cast<uint32_t>(b.count * b.size + c.head.get(kPage));
}

uint64_t max_temp_file(const Location& location) {
  return conf_of(location).temp_file.get(1ull << 30);
}

const Module kProxyBuffersModule{"proxy_buffers", sizeof(ProxyBuffersConf), module_create<ProxyBuffersConf>, kTable,
                                 merge_buffers};

}  // namespace weir::nginx
