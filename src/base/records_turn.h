#pragma once
// Records (base/shared_records.h) of a process that begins to serve, beside others that do or have waited for it.
namespace weir {

// Holds the records that were given out (SharedRecords::hold). False: some of them have become others' while this process waited.
bool hold_own_records();

// The processes of a machine's zones bring records in line with what they have read one after the other: from the making of this,
// which waits, until settled(), or until it or the process ends. One in a process at a time.
class SettlingTurn {
 public:
  SettlingTurn();
  ~SettlingTurn() { end(); }
  SettlingTurn(const SettlingTurn&) = delete;
  SettlingTurn& operator=(const SettlingTurn&) = delete;

  // A worker of the same master, which lives, has read its configuration later and has had its turn.
  bool late() const;
  // The records are in line with the very configuration that this process has read, or the one that it was made from.
  bool again() const;
  // The records are in line with this process's configuration.
  void settled();

 private:
  void end();
  int fd_ = -1;  // of the first zone; not ours
};

}  // namespace weir
