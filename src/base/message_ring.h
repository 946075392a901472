#pragma once
// The latest messages of a kind, in memory: written by any thread, read by who shows or forwards them. A reader that holds keeps
// what it has not read; while the ring is full of that, new messages are lost and counted. Lives as long as the model.
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/str.h"

namespace weir {

class MessageRing {
 public:
  // A place in the ring. What it names may have gone when it is read.
  using Position = uint64_t;

  explicit MessageRing(size_t size) : size_(size) {}
  ~MessageRing();
  MessageRing(const MessageRing&) = delete;
  MessageRing& operator=(const MessageRing&) = delete;

  // False: there is no room and there will be none until a reader goes on; the message is counted as dropped.
  bool write(Str message);
  uint64_t dropped() const;
  // As above, and forgets them: for who tells about it.
  uint64_t take_dropped();
  void count_dropped(uint64_t n);

  Position oldest() const;
  Position newest() const;  // behind the last one
  // The message at `at`, or at the oldest one that is left; `at` goes behind it. False: there is none yet.
  bool read(Position& at, std::string& out) const;

  // A reader that holds: messages from `*at` on stay. `wake` is called, on the writer's thread, when one comes.
  void attach(const Position* at, std::function<void()> wake);
  void detach(const Position* at);
  // As read(), for an attached reader.
  bool take(Position& at, std::string& out);

  // Keeps a copy of the latest bytes, those that are there already included, in a file of the ring's size; an older file of that
  // name gets the suffix ".bak". For who looks after a crash. False with errno.
  bool back_by(const std::string& path);

 private:
  struct Reader {
    const Position* at;
    std::function<void()> wake;
  };
  bool read_locked(Position& at, std::string& out) const;
  bool make_room(size_t bytes);
  void copy_to_file(Str message);

  const size_t size_;
  mutable std::mutex lock_;
  std::deque<std::string> messages_;
  Position first_ = 0;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
  std::vector<Reader> readers_;
  char* file_ = nullptr;  // mapped
  size_t file_at_ = 0;
};

}  // namespace weir
