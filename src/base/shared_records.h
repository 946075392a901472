#pragma once
// Named structures in shared zones: what servers, pools and the process count and how they were last set. A record outlives the
// configuration that made it: the next one that asks for the same kind and name, in this process or another one of the
// same master, gets the same memory. Records that neither a living worker nor one of the last two configurations used make
// room for others. Safe on any thread.
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/str.h"

namespace weir {

// One sort of record, known in every process; static objects only.
class RecordKind {
 public:
  // `name` says the version as well: what was left under another name is not understood as this. `forget` takes back what
  // the worker with that slot held in `data` when it ended.
  RecordKind(const char* name, size_t size, void (*create)(void* data), void (*forget)(void* data, int slot));
  RecordKind(const RecordKind&) = delete;
  RecordKind& operator=(const RecordKind&) = delete;

  uint64_t id() const { return id_; }
  size_t size() const { return size_; }

 private:
  friend class SharedRecords;
  uint64_t id_;
  size_t size_;
  void (*create_)(void*);
  void (*forget_)(void*, int);
  RecordKind* next_;
};

template <class T>
class KindOf final : public RecordKind {
 public:
  explicit KindOf(const char* name)
      : RecordKind(
            name, sizeof(T), [](void* data) { new (data) T(); },
            [](void* data, int slot) { static_cast<T*>(data)->forget(slot); }) {
    static_assert(alignof(T) <= 64);
  }
};

class SharedRecords {
 public:
  // A configuration is about to be read: each name is given out once from here on, its repetitions are others.
  static void begin_load();
  // Throws std::system_error when there is no shared memory.
  static void* get(const RecordKind& kind, Str name);
  template <class T>
  static T* get(const KindOf<T>& kind, Str name) {
    return static_cast<T*>(get(static_cast<const RecordKind&>(kind), name));
  }
  // What was given out since begin_load() is used by this process's worker.
  static void hold();
  // This process does not serve what it has read: another one does, and reads for itself what comes next.
  static void leave();
  // A slot (base/gauge.h) for a worker that this process is about to start; -1: all are taken, by other masters' too.
  static int claim_slot();
  // The worker with that slot has ended, or was not started.
  static void worker_ended(int slot);

 private:
  static void forget(int slot);
};

}  // namespace weir
