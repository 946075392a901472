#pragma once
// $connection, and what error log lines begin with: the number of the client's connection among those of this process.
#include <cstdint>

#include "http/h1_server.h"
#include "nginx/request.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {

// Numbers the connection with its first request. The number stands in H1Server::session itself, which nothing frees.
inline void number_connection(proxy::Transaction& txn) {
  auto* client = static_cast<http::H1Server*>(txn.client);
  if (client->session) return;
  thread_local uint64_t made = 0;
  uint64_t number = made++ * static_cast<uint64_t>(txn.shard.count) + static_cast<uint64_t>(txn.shard.index) + 1;
  client->session = reinterpret_cast<void*>(number);
}

// The client's connection, of a subrequest too: its client is none. Null: there is none any more.
inline http::H1Server* client_of(const proxy::Transaction& txn) {
  return txn.client ? static_cast<http::H1Server*>(txn.client->conn()) : nullptr;
}

// 0: there is no connection any more.
inline uint64_t connection_number(const proxy::Transaction& txn) {
  if (txn.extra && of(txn).background) return of(txn).connection;
  const http::H1Server* client = client_of(txn);
  return client ? reinterpret_cast<uint64_t>(client->session) : 0;
}

}  // namespace weir::nginx
