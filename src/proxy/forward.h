#pragma once
// A plan for forwarding: which pool, how long, how often, and how the request is written for the server. Part of the model.
#include <cstdint>

#include "http/message.h"
#include "model/model.h"
#include "net/tls_client.h"

namespace weir::net {
struct SocketOptions;
struct Source;
}  // namespace weir::net

namespace weir::proxy {

class Transaction;

// How bodies are kept and the client is treated. In another personality's pool it stays what the listener's side says.
struct ClientPlan {
  bool request_buffering = false;  // the whole body is read before a server is chosen (nginx)
  bool response_buffering = false;  // a slow client does not hold the server (nginx)
  uint64_t max_body = 0;  // request body limit in bytes (413); 0: none
  uint32_t body_memory = 16384;  // kept in memory before a temporary file is used
  uint32_t response_memory = 64 * 1024;  // likewise for the response
  uint64_t max_temp_file = 1ull << 30;  // 0: no temporary file: backpressure instead
  bool ignore_client_abort = false;
  bool abort_until_sent = false;  // a client that has closed its side is given up only before a server has the request
  bool pass_trailers = true;  // the response's trailers reach the client
  Str temp_dir;
};

struct Forward {
  ClientPlan client;
  const model::Pool* pool = nullptr;  // null: `choose` tells
  // Null: there is none; Transaction::error may be set to what the answer and the log are to say.
  const model::Pool* (*choose)(Transaction& txn, const Forward& plan) = nullptr;
  uint32_t connect_timeout = 60000;  // ms, as all below; 0: no limit
  uint32_t send_timeout = 60000;  // between two writes to the server
  uint32_t read_timeout = 60000;  // between two reads from the server
  bool queues = false;  // a request that finds all servers full waits for a place
  uint32_t queue_timeout = 0;  // so long at most; 0: no limit
  uint32_t tunnel_timeout = 0;  // 0: read_timeout
  bool client_inactivity = false;  // without tunnel_timeout, the client's timeout ends a silent tunnel too (HAProxy)
  uint32_t fin_timeout = 0;  // a tunnel whose one direction has ended towards the server; 0: tunnel_timeout
  uint32_t tries = 0;  // at most so many servers or attempts; 0: as many as there are servers
  uint32_t tries_timeout = 0;  // no new try after so long
  bool stay = false;  // HAProxy: retry the same server, the last time another one (redispatch)
  bool redispatch = false;
  bool turnaround = false;  // after a failed connect, the same server is tried again after a moment only (HAProxy)
  uint32_t keep_body = 0;  // bytes of a body that are kept on its way to the server, so that another one can have it
  bool drop_request_trailers = false;
  bool close_upstream = false;  // no keep-alive towards the server
  uint8_t version = 11;  // HTTP version towards the server
  // How TLS is spoken to the servers; null: as the server itself says.
  net::TlsTo (*tls)(Transaction& txn, const Forward& plan) = nullptr;
  // The local end of connections that this exchange opens; null: as the server's route says.
  const net::Source* (*source)(Transaction& txn, const Forward& plan) = nullptr;
  // Writes the request for the server into `out` (a copy of the request head's fields, empty header list). Null: the
  // request goes as it stands after the rules.
  void (*build)(Transaction& txn, http::Message& out, const Forward& plan) = nullptr;
  const void* conf = nullptr;  // the personality's own
  // Of connections that this exchange opens; null: as the server has it.
  const net::SocketOptions* socket = nullptr;
};

}  // namespace weir::proxy
