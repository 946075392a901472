#pragma once
// The peers protocol of HAProxy, versions 2.0 and 2.1, as bytes (its doc/peers.txt): integers, messages, definitions of tables,
// updates of entries. What comes from a peer is checked here: nothing of a message that is malformed reaches a table.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sticky/stick_table.h"

namespace weir::sticky {

enum class PeerClass : uint8_t { control = 0, error = 1, table = 10, reserved = 255 };
enum class PeerControl : uint8_t { resync_request, resync_finished, resync_partial, resync_confirmed, heartbeat };
enum class PeerError : uint8_t { protocol, size_limit };
enum class PeerTable : uint8_t {
  update = 128,
  incremental,
  definition,
  change,  // of the table that updates are about
  acknowledgement,
  timed_update,
  timed_incremental,
};

// The longest message that is taken, without its head: what HAProxy takes with its usual tune.bufsize.
inline constexpr size_t kLongestPeerMessage = 16384;

void put_number(std::string& out, uint64_t n);
void put_u32(std::string& out, uint32_t n);

// Reads from the front of some bytes. Once they have ended too early, or an integer does not fit 64 bits, all is zero and `bad`.
class PeerReader {
 public:
  explicit PeerReader(Str bytes) : rest_(bytes) {}
  uint64_t number();
  uint32_t u32();
  Str bytes(uint64_t n);
  Str rest() const { return rest_; }
  bool done() const { return rest_.empty(); }
  bool bad() const { return bad_; }

 private:
  uint64_t fail();
  Str rest_;
  bool bad_ = false;
};

// The first message of a stream.
struct PeerMessage {
  uint8_t category;  // PeerClass, if it is known
  uint8_t type;
  Str body;
  size_t used;  // bytes that it has in the stream
};
enum class PeerFramed : uint8_t { message, more, malformed, too_long };
PeerFramed next_peer_message(Str in, PeerMessage& out);

void put_control(std::string& out, PeerControl type);
void put_error(std::string& out, PeerError type);
void put_acknowledgement(std::string& out, uint64_t table, uint32_t update);

// What a peer says about a table of its own.
struct PeerDefinition {
  uint64_t id = 0;
  Str name;
  uint64_t type = 0;  // as peers number the types of keys
  uint64_t key_size = 0;
  uint64_t data = 0;  // a bit for each Datum
  std::array<uint64_t, kData> counts{};  // of elements of arrays
  bool whole = true;  // arrays have their sizes
};
// False: malformed.
bool read_definition(Str body, PeerDefinition& out);
// Whether the peer's table has the keys of this one, and its updates can be read.
bool fits(const PeerDefinition& definition, const StickTable& table);
void put_definition(std::string& out, uint64_t id, const StickTable& table);

// Texts that one side sends once and calls by number from then on (server_key).
class PeerTexts {
 public:
  static constexpr uint32_t kMost = 128;
  // For the sender: the number of the text; `fresh`: the peer does not know it yet.
  uint32_t number_of(Str text, bool& fresh);
  // For the receiver. Numbers are from 1 to kMost.
  Str text(uint64_t number) const { return texts_[number - 1]; }
  void set(uint64_t number, Str text) { texts_[number - 1] = text.substr(0, EntryText::kMost); }

 private:
  std::vector<std::string> texts_ = std::vector<std::string>(kMost);
  uint32_t next_ = 0;
};

struct PeerUpdate {
  uint32_t number = 0;
  bool numbered = true;  // else it is one more than the one before
  bool timed = true;  // says how long the entry lives
};
// Under the entry's lock.
void put_update(std::string& out, const PeerUpdate& update, const StickTable& table, Table::Entry& entry,
                uint64_t now_ms, PeerTexts& sent);
// Brings an update into the table and the one it is copied to. `update.number` is read where it is there. False: malformed, and
// nothing was changed.
bool take_update(Str body, PeerUpdate& update, const PeerDefinition& definition, const StickTable& table,
                 uint64_t now_ms, PeerTexts& received);

}  // namespace weir::sticky
