// Names of results; see health/check.h. They are HAProxy's, whose operators and programs know them.
#include "health/check.h"

namespace weir::health {
namespace {

struct Names {
  Status status;
  Result result;
  Str name;
  Str description;
};
constexpr Names kNames[] = {
    {Status::unknown, Result::unknown, "UNK", "Unknown"},
    {Status::starting, Result::unknown, "INI", "Initializing"},
    {Status::unchanged, Result::neutral, "CHECKED", "No status change"},
    {Status::observed, Result::failed, "HANA", "Health analyze"},
    {Status::socket_error, Result::failed, "SOCKERR", "Socket error"},
    {Status::l4_ok, Result::passed, "L4OK", "Layer4 check passed"},
    {Status::l4_timeout, Result::failed, "L4TOUT", "Layer4 timeout"},
    {Status::l4_failed, Result::failed, "L4CON", "Layer4 connection problem"},
    {Status::l6_ok, Result::passed, "L6OK", "Layer6 check passed"},
    {Status::l6_timeout, Result::failed, "L6TOUT", "Layer6 timeout"},
    {Status::l6_failed, Result::failed, "L6RSP", "Layer6 invalid response"},
    {Status::l7_timeout, Result::failed, "L7TOUT", "Layer7 timeout"},
    {Status::l7_invalid, Result::failed, "L7RSP", "Layer7 invalid response"},
    {Status::l7_ok, Result::passed, "L7OK", "Layer7 check passed"},
    {Status::l7_conditional, Result::conditional, "L7OKC", "Layer7 check conditionally passed"},
    {Status::l7_wrong, Result::failed, "L7STS", "Layer7 wrong status"},
    {Status::process_error, Result::failed, "PROCERR", "External check error"},
    {Status::process_timeout, Result::failed, "PROCTOUT", "External check timeout"},
    {Status::process_ok, Result::passed, "PROCOK", "External check passed"},
};

const Names& names_of(Status status) {
  for (const Names& n : kNames)
    if (n.status == status) return n;
  return kNames[0];
}

}  // namespace

Result result_of(Status status) {
  return names_of(status).result;
}
Str short_name(Status status) {
  return names_of(status).name;
}
Str description(Status status) {
  return names_of(status).description;
}

int32_t Check::first_health() const {
  switch (begin) {
    case Begin::up: return rise;
    case Begin::fully_up: return most_health();
    case Begin::down: return rise - 1;
    case Begin::fully_down: return 0;
  }
  return rise;
}

}  // namespace weir::health
