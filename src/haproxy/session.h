#pragma once
// What a client's connection keeps between its requests: variables of the session, and the entries that its rules track. Made when
// the first of them is there, gone with the connection.
#include "expr/variables.h"
#include "haproxy/track.h"

namespace weir::http {
class H1Server;
}

namespace weir::haproxy {

struct Session {
  expr::VarTable variables;
  Trackers trackers;
  bool counted = false;  // among the sessions of its entries

  ~Session() { end_tracking(trackers); }
};

// Null where there is none, unless it is made.
Session* session_of(http::H1Server& client, bool makes);

}  // namespace weir::haproxy
