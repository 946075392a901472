#pragma once
// Clients that have closed their side while a server has their request.
#include "proxy/forward.h"
#include "proxy/transaction.h"

namespace weir::proxy {

// Whether this is such an exchange, and its plan is that the server learns of it.
inline bool told_server(const Transaction& txn) {
  const Forward* plan = txn.plan;
  if (!plan || !plan->client.abort_until_sent || plan->client.ignore_client_abort || txn.tunnelling()) return false;
  const net::Conn* client = txn.client ? txn.client->conn() : nullptr;
  return txn.upstream && txn.request_sent() && txn.upload_ended() && !txn.response_started && client && client->rdhup();
}

}  // namespace weir::proxy
