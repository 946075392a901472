// See tools/voice_log.h.
#include "tools/voice_log.h"

#include "nginx/error_log.h"

namespace weir::tools {

void log_message(master::Level level, const std::string& text) {
  static constexpr nginx::LogLevel kLevels[] = {nginx::LogLevel::emerg, nginx::LogLevel::alert, nginx::LogLevel::error,
                                                nginx::LogLevel::warn, nginx::LogLevel::notice};
  nginx::log_error(nullptr, kLevels[static_cast<size_t>(level)], 0, text);
}

}  // namespace weir::tools
