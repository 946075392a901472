// See sticky/stick_table.h.
#include "sticky/stick_table.h"

#include <fmt/format.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "model/model.h"

namespace weir::sticky {
namespace {

using expr::Type;
using Kind = DatumKind;

constexpr DatumInfo kInfos[kData] = {
    {"server_id", Kind::number, false},
    {"gpt0", Kind::number, false},
    {"gpc0", Kind::number, false},
    {"gpc0_rate", Kind::rate, false},
    {"conn_cnt", Kind::number, false},
    {"conn_rate", Kind::rate, false},
    {"conn_cur", Kind::current, false},
    {"sess_cnt", Kind::number, false},
    {"sess_rate", Kind::rate, false},
    {"http_req_cnt", Kind::number, false},
    {"http_req_rate", Kind::rate, false},
    {"http_err_cnt", Kind::number, false},
    {"http_err_rate", Kind::rate, false},
    {"bytes_in_cnt", Kind::number, false},
    {"bytes_in_rate", Kind::rate, false},
    {"bytes_out_cnt", Kind::number, false},
    {"bytes_out_rate", Kind::rate, false},
    {"gpc1", Kind::number, false},
    {"gpc1_rate", Kind::rate, false},
    {"server_key", Kind::text, false},
    {"http_fail_cnt", Kind::number, false},
    {"http_fail_rate", Kind::rate, false},
    {"gpt", Kind::number, true},
    {"gpc", Kind::number, true},
    {"gpc_rate", Kind::rate, true},
    {"glitch_cnt", Kind::number, false},
    {"glitch_rate", Kind::rate, false},
};

uint32_t size_of(Kind kind) {
  switch (kind) {
    case Kind::number: return sizeof(uint64_t);
    case Kind::rate: return sizeof(PeriodRate);
    case Kind::text: return sizeof(EntryText);
    case Kind::current: break;
  }
  return 0;  // each entry has that count
}

// A server's address as HAProxy has it in entries, which peers read: IPv6 without brackets.
std::string address_key(const net::Addr& addr) {
  if (addr.is_ip()) {
    Arena arena;
    return fmt::format("{}:{}{}", addr.ip_text(arena), addr.port ? "" : "+", addr.port);
  }
  return fmt::format("{}{}", addr.abstract ? "abns@" : "", addr.unix_path());
}

// Whether a value says so many bits only.
bool is_short(Datum d) {
  return d != Datum::bytes_in_cnt && d != Datum::bytes_out_cnt;
}

}  // namespace

const DatumInfo& info_of(Datum datum) {
  return kInfos[static_cast<size_t>(datum)];
}

std::optional<Datum> find_datum(Str name) {
  for (size_t i = 0; i < kData; i++)
    if (kInfos[i].name == name) return static_cast<Datum>(i);
  return std::nullopt;
}

void EntryText::set(Str s) {
  size = static_cast<uint16_t>(std::min(s.size(), kMost));
  memcpy(text, s.data(), size);
}

bool StickTable::add(Datum d, uint32_t count, uint32_t period_ms) {
  Store& s = stores[static_cast<size_t>(d)];
  if (s.at) return false;
  s = {data_size + 1, count, period_ms};
  data_size += count * size_of(info_of(d).kind);
  return true;
}

bool StickTable::open() {
  std::string layout = fmt::format("{} {} {}", static_cast<int>(type), key_size, static_cast<int>(server_key));
  for (const Store& s : stores) layout += fmt::format(" {},{},{}", s.at, s.count, s.period_ms);
  const uint64_t hash = XXH3_64bits(layout.data(), layout.size());
  if (!table.open(fmt::format("table:{}", name), hash, {key_size, data_size, size})) return false;
  if (!shared) return true;
  // Its numbers of entries mean nothing for a table of another shape.
  news = std::make_unique<TableNews>();
  if (!news->open(name, hash ^ uint64_t{data_size} << 20 ^ table.slots(), table.slots())) return false;
  table.tell(news.get());
  return true;
}

Str StickTable::type_name() const {
  switch (type) {
    case Type::ipv4: return "ip";
    case Type::ipv6: return "ipv6";
    case Type::integer: return "integer";
    case Type::string: return "string";
    default: return "binary";
  }
}

bool StickTable::key_of(expr::Value& value, Arena& arena, Str& key) const {
  if (!expr::cast(value, type, arena)) return false;
  char* copy = arena.alloc_chars(std::max<uint32_t>(key_size, sizeof(in6_addr)));
  switch (type) {
    case Type::ipv4: memcpy(copy, &value.v4, sizeof value.v4); break;
    case Type::ipv6: memcpy(copy, &value.v6, sizeof value.v6); break;
    case Type::integer: {
      auto number = static_cast<uint32_t>(value.integer);
      memcpy(copy, &number, sizeof number);
      break;
    }
    case Type::string:
      // As a C text: it ends at its first NUL.
      key = value.str.substr(0, std::min<size_t>(key_size, value.str.find('\0')));
      return true;
    default: {
      size_t n = std::min<size_t>(value.str.size(), key_size);
      if (n) memcpy(copy, value.str.data(), n);
      memset(copy + n, 0, key_size - n);
      break;
    }
  }
  key = {copy, key_size};
  return true;
}

expr::Value StickTable::key_value(Str key) const {
  expr::Value v;
  switch (type) {
    case Type::ipv4:
      v = expr::Value::of(in_addr{});
      memcpy(&v.v4, key.data(), std::min(key.size(), sizeof v.v4));
      return v;
    case Type::ipv6:
      v = expr::Value::of(in6_addr{});
      memcpy(&v.v6, key.data(), std::min(key.size(), sizeof v.v6));
      return v;
    case Type::integer: {
      uint32_t number = 0;
      memcpy(&number, key.data(), std::min(key.size(), sizeof number));
      return expr::Value::of(int64_t{number});
    }
    case Type::string: return expr::Value::of(key);
    default: return expr::Value::of_binary(key);
  }
}

std::string StickTable::key_text(Str key) const {
  if (type != Type::string && type != Type::binary) {
    Arena arena;
    return std::string(expr::to_text(key_value(key), arena));
  }
  std::string out;
  for (char c : key) {
    auto byte = static_cast<unsigned char>(c);
    if (type == Type::binary)
      out += fmt::format("{:02X}", byte);
    else if (byte < 0x20 || byte >= 0x7f || c == ' ' || c == '=' || c == '\\')
      out += byte >= 0x20 && byte < 0x7f ? fmt::format("\\{}", c) : fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

uint64_t& StickTable::number(Table::Entry& e, Datum d, uint32_t index) const {
  return reinterpret_cast<uint64_t*>(table.data(e) + store(d).at - 1)[index];
}

PeriodRate& StickTable::rate(Table::Entry& e, Datum d, uint32_t index) const {
  return reinterpret_cast<PeriodRate*>(table.data(e) + store(d).at - 1)[index];
}

EntryText& StickTable::text(Table::Entry& e, Datum d) const {
  return *reinterpret_cast<EntryText*>(table.data(e) + store(d).at - 1);
}

uint64_t StickTable::value(Table::Entry& e, Datum d, uint32_t index, uint64_t now_ms) const {
  switch (info_of(d).kind) {
    case Kind::number: return number(e, d, index);
    case Kind::rate: return rate(e, d, index).read(now_ms, store(d).period_ms);
    case Kind::current: return e.current.total();
    case Kind::text: break;
  }
  return 0;
}

void StickTable::set(Table::Entry& e, Datum d, uint32_t index, uint64_t now_ms, uint64_t value) const {
  if (info_of(d).kind == Kind::number)
    number(e, d, index) = is_short(d) ? static_cast<uint32_t>(value) : value;
  else if (info_of(d).kind == Kind::rate)
    rate(e, d, index).set(now_ms, static_cast<uint32_t>(value));
}

const model::Server* StickTable::server_of(Table::Entry& e, const model::Pool& pool) const {
  if (has(Datum::server_key))
    if (Str key = text(e, Datum::server_key).str(); !key.empty())
      for (const model::Server* s : pool.servers) {
        if (s->absent()) continue;
        if (server_key == ServerKey::name ? s->name.substr(0, EntryText::kMost) == key
                                          : address_key(s->address()) == key)
          return s;
      }
  if (!has(Datum::server_id)) return nullptr;
  const uint64_t id = number(e, Datum::server_id);
  for (const model::Server* s : pool.servers)
    if (s->number == id && !s->absent()) return s;
  return nullptr;
}

void StickTable::set_server(Table::Entry& e, const model::Server& server) const {
  if (has(Datum::server_id)) number(e, Datum::server_id) = server.number;
  if (!has(Datum::server_key)) return;
  if (server_key == ServerKey::name)
    text(e, Datum::server_key).set(server.name);
  else
    text(e, Datum::server_key).set(address_key(server.address()));
}

}  // namespace weir::sticky
