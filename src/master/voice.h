#pragma once
// How a process speaks to its operator on stderr before and beside the configured logs: each face has its product's
// format, which programs parse. Also which order a signal means there. One object lives as long as the process.
#include <functional>
#include <mutex>
#include <string>

#include "config/diag.h"
#include "config/tree.h"
#include "master/startup_log.h"

namespace weir::master {

enum class Level : uint8_t { emerg, alert, error, warn, notice };

enum class Order : uint8_t { none, stop, quit, reload, reopen, state };

class Voice {
 public:
  explicit Voice(config::Dialect face) : face_(face) {}

  config::Dialect face() const { return face_; }
  void say(Level level, const std::string& text);  // from any thread
  // Passes on what another process has said for this one.
  void pass_on(const std::string& text) { put(text); }
  void quiet(bool on) { quiet_ = on; }
  // Where messages go besides, and once started only (nginx's error log).
  std::function<void(Level, const std::string&)> log;
  void started() {
    std::lock_guard hold(lock_);
    started_ = true;
    startup_log.end();
  }
  // A reload begins: what is said until the next `started` belongs to it.
  void restart();
  StartupLog startup_log;

  // What the diagnostics are in this face: the first error in the product's own format, then each with line and caret.
  void show(const config::Diagnostics& diag, bool allow_planned);

  // What `signal` asks a process of this face to do. In worker processes of a master HUP means nothing.
  Order order(int signal, bool has_master) const;
  // Says that `signal` does nothing here; a terminal that changes its size is no news.
  void say_ignored(int signal);
  // The signal with which a master passes an order on to its worker.
  int signal_for(Order order) const;

 private:
  void show_nginx(const config::Diagnostics& diag, bool allow_planned);
  void show_haproxy(const config::Diagnostics& diag, bool allow_planned);
  void put(const std::string& line, const std::string& coloured = {});

  std::recursive_mutex lock_;  // shards tell about servers
  config::Dialect face_;
  bool quiet_ = false;
  bool introduced_ = false;
  bool started_ = false;
};

}  // namespace weir::master
