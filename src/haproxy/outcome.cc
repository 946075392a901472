// See haproxy/outcome.h.
#include "haproxy/outcome.h"

namespace weir::haproxy {
namespace {

char cause_of(const Error& why) {
  switch (why.fault) {
    case Fault::none: return '-';
    case Fault::resource: return 'R';
    case Fault::no_server: return 'S';
    case Fault::queue_timeout: return 's';
    case Fault::queue_full: return 'S';
    case Fault::connect_timeout: return 's';
    case Fault::cancelled: return 'K';
    case Fault::marked_down: return 'D';
    case Fault::marked_up: return 'U';
    case Fault::timeout: return why.side == Side::client ? 'c' : why.side == Side::server ? 's' : 'P';
    case Fault::too_large:
    case Fault::bad_message: return 'P';
    default: return why.side == Side::client ? 'C' : why.side == Side::server ? 'S' : 'P';
  }
}

char phase_of(const proxy::Transaction& txn, const Error& why) {
  const bool ended = why.fault == Fault::cancelled || why.fault == Fault::marked_down || why.fault == Fault::marked_up;
  if (ended && txn.plan && !txn.response_started && !txn.tcp) return 'H';  // wherever it waited
  if (why.fault == Fault::queue_timeout || why.fault == Fault::queue_full) return 'Q';
  if (txn.plan && txn.queued && !txn.server) return 'Q';  // it has never left the queue
  if (txn.response_started || txn.tcp) return txn.times.connect_ms || txn.response_started ? 'D' : 'C';
  if (why.fault == Fault::no_server || why.fault == Fault::connect_timeout || why.fault == Fault::refused ||
      why.fault == Fault::unreachable || why.fault == Fault::relay)
    return 'C';
  if (!txn.plan || why.status == 400 || (why.side == Side::client && why.fault == Fault::bad_message)) return 'R';
  return txn.times.connect_ms ? 'H' : 'C';
}

}  // namespace

uint16_t status_of(const Error& why) {
  if (why.status) return why.status;
  switch (why.fault) {
    case Fault::none: return 500;
    case Fault::refused:
    case Fault::unreachable:
    case Fault::relay:
    case Fault::connect_timeout:
    case Fault::no_server:
    case Fault::queue_timeout:
    case Fault::queue_full:
    case Fault::resource:
    case Fault::tls: return 503;
    case Fault::timeout: return why.side == Side::client ? 408 : 504;
    case Fault::too_large: return why.side == Side::client ? 413 : 502;
    case Fault::bad_message:
    case Fault::reset:
    case Fault::closed: return why.side == Side::client ? 400 : 502;
    case Fault::cancelled:
    case Fault::marked_down:
    case Fault::marked_up: return 502;
  }
  return 500;
}

proxy::Termination termination_of(const proxy::Transaction& txn, const Error& why) {
  char cause = cause_of(why);
  return {cause, cause == '-' ? '-' : phase_of(txn, why)};
}

}  // namespace weir::haproxy
