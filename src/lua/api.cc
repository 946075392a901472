// The functions that all scripts have, whoever called them: waiting, ending, time, headers of the message at hand, values
// kept with a transaction. Declared for Lua in lua/core.lua. Without a running call they do nothing and say so.
#include "lua/api.h"

#include <math.h>

#include "proxy/shard.h"

namespace weir::lua {
namespace {

bool is_token(unsigned char c) {
  return is_digit(static_cast<char>(c)) || (lower(static_cast<char>(c)) >= 'a' && lower(static_cast<char>(c)) <= 'z') ||
         (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool is_control(unsigned char c) {
  return (c < 0x20 && c != '\t') || c == 0x7f;
}

template <class Bad>
Str escaped(Arena& arena, Str text, Bad bad) {
  size_t extra = 0;
  for (char c : text) extra += bad(static_cast<unsigned char>(c)) ? 2 : 0;
  if (!extra) return arena.dup(text);
  constexpr char kHex[] = "0123456789ABCDEF";
  char* p = arena.alloc_chars(text.size() + extra);
  char* q = p;
  for (char ch : text) {
    auto c = static_cast<unsigned char>(ch);
    if (!bad(c)) {
      *q++ = ch;
      continue;
    }
    *q++ = '%';
    *q++ = kHex[c >> 4];
    *q++ = kHex[c & 15];
  }
  return {p, static_cast<size_t>(q - p)};
}

http::Message* message(int response) {
  if (!current) return nullptr;
  return response ? &current->txn->response : &current->txn->request;
}

// Gives a state's kept values back when their transaction goes.
struct Keeper {
  State& state;
  double key;
  ~Keeper() { state.forget(key); }
};

}  // namespace

Str header_value(Arena& arena, Str text, Escape how) {
  if (how == Escape::percent) return escaped(arena, text, is_control);
  Str copy = arena.dup(text);
  for (size_t i = 0; i < copy.size(); i++)
    if (copy[i] == '\r' || copy[i] == '\n' || copy[i] == 0) const_cast<char*>(copy.data())[i] = ' ';
  return trim(copy);
}

Str header_name(Arena& arena, Str text) {
  return escaped(arena, text, [](unsigned char c) { return !is_token(c); });
}

bool next_header(const http::HeaderList& headers, uint32_t& index, const http::Header*& out) {
  for (; index < headers.size(); index++) {
    out = headers.begin() + index;
    if (out->removed) continue;
    index++;
    return true;
  }
  return false;
}

}  // namespace weir::lua

using namespace weir;
using weir::lua::current;

extern "C" {

// Which handler runs, by the personality's numbers; 0: none.
int weir_lua_phase() {
  return current ? current->phase : 0;
}

// 1: the script must yield now and goes on after that time. 0: it must not wait here.
int weir_lua_sleep(double seconds) {
  if (!current || !current->cursor) return 0;
  double ms = ceil(seconds * 1000);
  current->wait_ms = ms > 0 ? static_cast<uint32_t>(fmin(ms, 2e9)) : 0;
  return 1;
}

// 1: the script must yield and is not gone on with. 0: it runs to its end, and the status is noted.
int weir_lua_exit(int status) {
  if (!current) return 0;
  current->exited = true;
  current->status = status;
  return current->cursor != nullptr;
}

// 1: the body is there. 0: yield, then ask again. -1: it cannot be read here.
int weir_lua_read_body(uint32_t memory, const char* folder, size_t size) {
  if (!current || !current->cursor) return -1;
  proxy::Transaction& txn = *current->txn;
  if (txn.request.body == http::Body::none) return 1;
  if (txn.collect_body(*current->cursor, memory, size != 0, Str{folder, size})) return 1;
  current->waits_for_body = true;
  return 0;
}

// The body that was read, when it is in memory.
int weir_lua_body(weir_lua_str* out) {
  const proxy::BodyCollector* body = current ? current->txn->collected() : nullptr;
  if (!body || body->fd >= 0 || !body->size) return 0;
  return lua::give(out, body->text());
}

double weir_lua_now() {
  if (!net::Loop::has_current()) return static_cast<double>(time(nullptr));
  return floor(static_cast<double>(net::Loop::current().wall_us()) / 1000) / 1000;
}

void weir_lua_update_time() {
  if (net::Loop::has_current()) net::Loop::current().update_clock();
}

// A number that no other transaction of this process has, and below 2^49.
double weir_lua_id() {
  return current ? static_cast<double>(current->txn->id) : 0;
}

// What is kept under this key is forgotten when the running call's transaction ends.
void weir_lua_keep(double key) {
  if (current) current->txn->arena.own<lua::Keeper>(current->state, key);
}

// The first line from `index` on; returns where to go on, or -1 at the end.
int weir_lua_next_header(int response, int index, weir_lua_str* name, weir_lua_str* value) {
  http::Message* m = lua::message(response);
  auto at = static_cast<uint32_t>(index);
  const http::Header* h = nullptr;
  if (!m || !lua::next_header(m->headers, at, h)) return -1;
  lua::give(name, h->name);
  lua::give(value, h->value);
  return static_cast<int>(at);
}
}
