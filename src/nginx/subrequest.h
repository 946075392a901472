#pragma once
// Subrequests as nginx has them: the same server and variables, another URI, no access checks, never in the access log
// unless log_subrequest says so.
#include "proxy/subrequest.h"

namespace weir::nginx {

// Fills options.enter. Variables that the child sets or computes are the parent's once an attached child has ended. Null
// after a log line when subrequests are nested too deep.
proxy::Subrequest* subrequest(proxy::Transaction& parent, proxy::Cursor* cursor, proxy::SubrequestOptions options);

}  // namespace weir::nginx
