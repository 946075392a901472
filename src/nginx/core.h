#pragma once
// The http core: blocks, what a location is, and how clients are treated. Other features read CoreConf.
#include "nginx/module.h"
#include "nginx/request.h"

namespace weir::nginx {

struct CoreConf {
  Setting<uint64_t> client_max_body_size;
  Setting<uint64_t> client_body_buffer_size;
  Setting<Str> body_temp_path;
  Setting<uint32_t> client_header_timeout;
  Setting<uint32_t> client_body_timeout;
  Setting<uint32_t> send_timeout;
  Setting<uint32_t> keepalive_timeout;
  Setting<Str> keepalive_header;
  Setting<int64_t> keepalive_requests;
  Setting<uint32_t> keepalive_time;
  Setting<uint32_t> lingering_timeout;
  Setting<uint32_t> lingering_time;
  Setting<Str> lingering_close;
  Setting<Str> satisfy;
  Setting<uint32_t> auth_delay;
  Setting<bool> absolute_redirect;
  Setting<bool> server_name_in_redirect;
  Setting<bool> port_in_redirect;
  Setting<bool> merge_slashes;
  Setting<bool> ignore_invalid_headers;
  Setting<bool> underscores_in_headers;
  Setting<bool> log_not_found;
  Setting<bool> log_subrequest;
  Setting<bool> recursive_error_pages;
  Setting<bool> msie_padding;
  Setting<bool> reset_timedout_connection;
  Setting<uint64_t> large_buffer_size;
  Setting<int64_t> large_buffer_count;
  Setting<uint64_t> header_buffer_size;
  Setting<int64_t> max_headers;
  Setting<bool> internal;
  const model::ClientTimeouts* timeouts = nullptr;  // made at compile
};
extern const Module kCoreModule;

// The words of the main and events contexts are a module without a struct: they write to model.process.
extern const Module kMainModule;

void build_segments(Scope& scope, ServerBlock& server);
uint64_t max_body(const Level& level);

}  // namespace weir::nginx
