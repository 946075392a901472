#pragma once
// Listening sockets: opening them as the products do, and, where there is a master, asking it for them over a socket
// pair so that they outlive the worker. Used while a worker starts, on its main thread, and by the master.
#include <net/if.h>
#include <string.h>
#include <sys/types.h>

#include <algorithm>
#include <functional>
#include <string>

#include "master/voice.h"
#include "model/model.h"

namespace weir::master {

// What is needed to open one, in a form that crosses the socket pair.
struct Wish {
  static constexpr size_t kPath = 108;
  uint8_t family = 0;
  bool abstract = false;
  bool exact = false;
  bool reuseport = false;
  bool v6only = true;
  bool defer_accept = false;
  bool transparent = false;
  bool datagram = false;
  bool replace_path = false;  // HAProxy takes a Unix path over by renaming; nginx refuses one that exists
  uint16_t port = 0;
  int backlog = 511;
  int unix_mode = -1;
  int unix_uid = -1;
  int unix_gid = -1;
  uint16_t path_size = 0;
  uint8_t ip[16] = {};
  char path[kPath] = {};
  char interface[IFNAMSIZ] = {};  // empty: all
  net::SocketOptions socket;

  // `reuseport`: where the product sets SO_REUSEPORT without being asked.
  static Wish of(const model::Listener& listener, config::Dialect face, bool reuseport = true);
  net::Addr addr() const;  // points into the wish
  // Equal keys are the same socket: a reload keeps it.
  std::string key() const;
};

struct Opened {
  int fd = -1;
  int error = 0;
  const char* call = "";  // which system call failed
};

// Gives a socket that listens already what may be changed about it; what the wish does not name goes back to the system's.
void adjust_socket(int fd, const Wish& wish);

// A new non-blocking listening socket with all options set.
Opened open_socket(const Wish& wish);

// Who opens sockets: the process itself or its master.
class Opener {
 public:
  virtual ~Opener() = default;
  virtual Opened open(const Wish& wish) = 0;
};

class OwnOpener final : public Opener {
 public:
  explicit OwnOpener(std::function<Opened(const Wish&)> open) : open_(std::move(open)) {}
  Opened open(const Wish& wish) override { return open_(wish); }

 private:
  std::function<Opened(const Wish&)> open_;
};

class MasterOpener final : public Opener {
 public:
  explicit MasterOpener(int channel) : channel_(channel) {}
  Opened open(const Wish& wish) override;

 private:
  int channel_;
};

// Gives every listener of the model its descriptor; inherited ones (fd@N) are used as they are. Addresses in use are
// tried again as the face's product does (nginx: 5 times, half a second apart). False after saying what is wrong.
bool open_listeners(model::Model& model, Opener& opener, Voice& voice, const std::vector<pid_t>& old_pids);

// nginx removes its Unix sockets when it ends.
void remove_paths(const model::Model& model, config::Dialect face);

// --- the socket pair between master and worker ---
enum class Message : uint8_t {
  wish,
  opened,
  log_file,
  zone,
  standby,  // another process with the same configuration waits at the descriptor
  ready,
  alive,  // a worker whose shards answer; where a service manager wants to know
  leaving,  // a worker drains that nobody but a signal told so
  draining,  // a worker has heard that it is to drain
  // from the master to a worker that serves, each with one end of a socket pair between the two workers (proxy/heir.h)
  heir,  // drain: what may go goes there
  ancestor,  // what comes there is yours
  // from the master to a standby
  serve,
  // from the master to a worker that serves
  look_again,  // one that accepted from the same sockets has ended
  last,  // drain: the master ends too, and who follows, if anybody does, shares no memory
};

struct Packet {
  Message type = Message::ready;
  int error = 0;
  char call[16] = {};
  Wish wish;
  uid_t user = 0;  // ready: as whom the worker runs
  uint32_t max_reloads = 0;  // ready: after which a worker is ended
  bool again = false;  // ready: as in Job::settled
  pid_t pid = 0;  // standby: the process
  int slot = 0;  // serve: which cells it counts in
  uint64_t layout = 0, size = 0;  // of a zone; see base/shared_zone.h
  // ready: the configuration's pid file, or empty; log_file: one that the worker writes; zone: its name
  char path[1024] = {};

  void set_path(const std::string& name) { path[name.copy(path, sizeof path - 1)] = '\0'; }
};

// One packet, with a descriptor when `fd` is not -1. False: the other side is gone, or with MSG_DONTWAIT in `flags` does not read.
bool send_packet(int channel, const Packet& packet, int fd = -1, int flags = 0);
bool receive_packet(int channel, Packet& packet, int& fd);

}  // namespace weir::master
