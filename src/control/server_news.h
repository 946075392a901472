#pragma once
// What operators read on stderr and in the backend's logs when a command changes what a server does, in HAProxy's words.
#include "control/control.h"

namespace weir::control {

// Who tells: from any thread. Null where nobody listens.
using Tell = std::function<void(const stats::ProxyEntry&, const News&)>;
const Tell& teller();
void set_teller(Tell tell);

// A server and its backend before a change.
class ServerNews {
 public:
  ServerNews(const Tell& to, const stats::ProxyEntry& backend, const model::Server& server);
  // Tells what has become of them since. `cause` stands behind a change of health.
  void tell(Str cause) const;
  // The same where an address has come or gone. `about`: the name that has one again, or why there is none.
  void tell_address(Str about) const;

 private:
  void tell_last() const;
  void tell_admin(const stats::ServerView& now) const;
  void tell_health(const stats::ServerView& now, Str cause) const;
  void say(std::string what, uint8_t level) const;
  // With the number of servers that are there: `leaves`, to take its work.
  void say_with_others(std::string what, bool leaves, uint8_t level) const;

  const Tell& to_;
  const stats::ProxyEntry& backend_;
  const model::Server& server_;
  stats::ServerView before_;
  uint32_t usable_;  // servers of the backend
};

// A drain with a deadline begins or has ended.
void tell_deadline(Server& to, const stats::ProxyEntry& backend, const model::Server& server, uint64_t ms);
void tell_drained(Server& to, const stats::ProxyEntry& backend, const model::Server& server);

}  // namespace weir::control
