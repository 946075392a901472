#pragma once
// Opening runtime sockets: those of `stats socket` lines in the process that serves, and the master's from the command line.
// Used at the start only; whoever gets a descriptor owns it.
#include <memory>
#include <string>
#include <vector>

#include "control/control.h"
#include "haproxy/catalogue.h"
#include "master/voice.h"

namespace weir::tools {

// Binds or takes over one socket; `own` says whether the descriptor was made here. False with a sentence about what is wrong.
bool open_runtime_socket(const haproxy::RuntimeAddress& address, uint32_t timeout_ms, control::SocketConf& out,
                         bool& own, std::string& problem);

// The sockets of the master's command line: -S arguments, `<bind>[,<option>…]`. They are read before the configuration and
// bound after it.
class MasterSockets {
 public:
  // False after saying what is wrong.
  bool add(const std::string& argument, master::Voice& voice);
  bool open(master::Voice& voice, std::vector<control::SocketConf>& out) const;

 private:
  struct Argument {
    std::unique_ptr<model::Model> model;  // what the addresses point into
    std::vector<haproxy::RuntimeAddress> addresses;
  };
  std::vector<Argument> arguments_;
};

// Descriptors that were passed by name or number (net/passed.h) and that nothing listens on: what comes there waits forever.
void warn_of_unused_descriptors(model::Model& model, const std::vector<control::SocketConf>& others,
                                master::Voice& voice);

// Paths of runtime sockets where another process listens: the one that starts is about to take them from it.
void warn_of_taken_sockets(model::Model& model, master::Voice& voice);

// What HAPROXY_CLI and HAPROXY_MASTER_CLI say of the sockets.
void set_socket_variable(const char* name, const std::vector<control::SocketConf>& sockets);

}  // namespace weir::tools
