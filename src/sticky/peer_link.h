#pragma once
// One connection with a peer, opened by either side: who they are, then messages both ways. Nothing waits: what the peer does not
// take stays in the tables until it does, and what it sends is brought in at once, message by message.
#include <errno.h>

#include <string>

#include "net/conn.h"
#include "sticky/peers.h"

namespace weir::sticky {

class PeerLink final : public net::Conn {
 public:
  // From a peer that is to say who it is.
  PeerLink(net::Loop& loop, int fd, Peers& owner);
  // To that peer.
  PeerLink(net::Loop& loop, int fd, Peers& owner, Peer& peer);
  ~PeerLink() override;

  Peer* peer() const { return peer_; }
  bool open() const { return state_ == State::open; }
  bool incoming() const { return incoming_; }
  bool awaits_status() const { return state_ == State::status; }
  bool refused() const {
    return state_ == State::connecting && (last_errno() == ECONNREFUSED || last_errno() == ENOENT);
  }
  bool teaches() const { return teaching_ != Teaching::no; }
  // Tells all that is known, asked or not.
  void teach();
  // Sends what there is, as far as the peer takes it.
  void send_some();
  // Now and then: heartbeats, and the end of a peer that is silent.
  void tick();
  // It is nobody's any more.
  void leave();
  const PeerTexts& sent_texts() const { return sent_; }
  const PeerTexts& received_texts() const { return received_; }
  const PeerShare* remote_share() const { return remote_; }

 private:
  enum class State : uint8_t { version, host, name, connecting, status, open, closing };
  enum class Teaching : uint8_t { no, walking, told };

  void on_connected() override;
  void on_readable() override;
  void on_drained() override { send_some(); }
  void on_broken() override;
  void on_timer() override;

  bool take_line(Str& line);
  bool take_hello();
  bool take_status();
  bool take_messages();
  bool take_message(const PeerMessage& message);
  bool take_control(uint8_t type);
  bool take_table_message(const PeerMessage& message);
  bool take_definition(Str body);
  bool take_update_message(PeerTable type, Str body);
  bool take_acknowledgement(Str body);
  void begin();
  void end_teaching();
  bool refuse(uint16_t status, Str why);
  bool fail(PeerError error, Str why);
  void say_goodbye(Str last);
  void lost();

  bool gather(std::string& out);
  bool gather_share(PeerShare& share, std::string& out);
  void tell(PeerShare& share, Table::Entry& entry, std::string& out);
  bool gather_walk(PeerShare& share, std::string& out);
  bool wants(const PeerShare& share, const Table::Entry& entry) const;

  Peers& owner_;
  Peer* peer_ = nullptr;
  State state_;
  const bool incoming_;
  bool old_ = false;  // speaks version 2.0, without timed updates
  std::string waiting_;  // the beginning of a line or message
  Teaching teaching_ = Teaching::no;
  bool asked_ = false;  // for a lesson
  uint32_t confirms_ = 0;  // to be sent
  bool beats_ = false;  // a heartbeat is to be sent
  uint64_t sent_ms_ = 0, got_ms_ = 0;
  PeerShare* told_ = nullptr;  // the table that updates from here are about
  PeerShare* remote_ = nullptr;  // the one that updates from there are about; null: none that is shared
  bool complained_ = false;  // about a table that does not fit
  size_t turn_ = 0;  // the table that is looked at first
  PeerTexts sent_, received_;
};

}  // namespace weir::sticky
