#pragma once
// Where a process that has no terminal speaks: master::Voice::log of the faces that know nginx's error log.
#include <string>

#include "master/voice.h"

namespace weir::tools {

// Writes to the process's error log.
void log_message(master::Level level, const std::string& text);

}  // namespace weir::tools
