#pragma once
// A stick table: what is known about clients (or any other keys) on the machine: their server, counters, rates, tags. Its
// entries lie in shared memory (sticky/table.h); this is how a configuration describes them. Made while it is read, then only read.
#include <array>
#include <memory>
#include <optional>

#include "base/arena.h"
#include "config/source.h"
#include "expr/value.h"
#include "sticky/rate.h"
#include "sticky/table.h"
#include "sticky/table_news.h"

namespace weir::model {
struct Pool;
struct Server;
}  // namespace weir::model

namespace weir::sticky {

// What may be stored, in the order in which it is shown.
enum class Datum : uint8_t {
  server_id,
  gpt0,
  gpc0,
  gpc0_rate,
  conn_cnt,
  conn_rate,
  conn_cur,
  sess_cnt,
  sess_rate,
  http_req_cnt,
  http_req_rate,
  http_err_cnt,
  http_err_rate,
  bytes_in_cnt,
  bytes_in_rate,
  bytes_out_cnt,
  bytes_out_rate,
  gpc1,
  gpc1_rate,
  server_key,
  http_fail_cnt,
  http_fail_rate,
  gpt,
  gpc,
  gpc_rate,
  glitch_cnt,
  glitch_rate,
  count_
};
inline constexpr size_t kData = static_cast<size_t>(Datum::count_);

enum class DatumKind : uint8_t { number, rate, current, text };
struct DatumInfo {
  Str name;
  DatumKind kind;
  bool array;
};
const DatumInfo& info_of(Datum datum);
std::optional<Datum> find_datum(Str name);

enum class ServerKey : uint8_t { name, address };

// A short text in an entry.
struct EntryText {
  static constexpr size_t kMost = 126;
  uint16_t size;
  char text[kMost];
  Str str() const { return {text, size < kMost ? size : kMost}; }
  void set(Str s);
};

struct StickTable {
  struct Store {
    uint32_t at = 0;  // in the entry's data, plus 1; 0: it is not stored
    uint32_t count = 0;  // of an array; else 1
    uint32_t period_ms = 0;  // of a rate
  };

  Str name;
  config::Where where;
  expr::Type type = expr::Type::absent;  // ipv4, ipv6, integer, string or binary
  uint32_t key_size = 0;  // the longest text
  uint32_t size = 0;  // entries
  uint32_t expire_ms = 0;  // 0: they live for ever
  bool nopurge = false;
  ServerKey server_key = ServerKey::name;
  Str write_to;  // the table into which servers and tags that peers tell go as well; empty: none
  const StickTable* copied_to = nullptr;  // that table, once it is found
  bool recv_only = false;  // counts of connections are learned from peers, too
  bool shared = false;  // with peers
  Str shared_name;  // under which they know it
  std::array<Store, kData> stores{};
  uint32_t data_size = 0;
  mutable Table table;
  mutable std::unique_ptr<TableNews> news;  // null: it is not shared, or has no memory yet

  bool has(Datum d) const { return stores[static_cast<size_t>(d)].at; }
  const Store& store(Datum d) const { return stores[static_cast<size_t>(d)]; }
  // Room for a datum; false: it has it already.
  bool add(Datum d, uint32_t count, uint32_t period_ms);
  // Maps its shared memory. False with errno.
  bool open();
  Str type_name() const;

  // The key that a value is; false: it can be none.
  bool key_of(expr::Value& value, Arena& arena, Str& key) const;
  std::string key_text(Str key) const;
  // The value that a key was made of; a view into it where it is a text.
  expr::Value key_value(Str key) const;

  // --- under the entry's lock; the datum must be stored, and `index` be below its count ---
  uint64_t& number(Table::Entry& e, Datum d, uint32_t index = 0) const;
  PeriodRate& rate(Table::Entry& e, Datum d, uint32_t index = 0) const;
  EntryText& text(Table::Entry& e, Datum d) const;
  // What the datum counts now.
  uint64_t value(Table::Entry& e, Datum d, uint32_t index, uint64_t now_ms) const;
  void set(Table::Entry& e, Datum d, uint32_t index, uint64_t now_ms, uint64_t value) const;

  // The server of the pool that the entry names; null: none.
  const model::Server* server_of(Table::Entry& e, const model::Pool& pool) const;
  void set_server(Table::Entry& e, const model::Server& server) const;
};

}  // namespace weir::sticky
