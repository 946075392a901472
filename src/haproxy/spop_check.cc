// `option spop-check`: a HAPROXY-HELLO frame of the Stream Processing Offload Protocol (doc/SPOE.txt) has to be answered by
// an AGENT-HELLO.
#include <optional>

#include "haproxy/bind.h"
#include "haproxy/protocol_checks.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Status;

// Versions 2.0, frames up to 16380 bytes, no capabilities, and that this is a check.
constexpr Str kHello =
    "0000004e01000000010000"
    "12737570706f727465642d76657273696f6e730803322e30"
    "0e6d61782d6672616d652d73697a6503fcf0060c63617061"
    "62696c697469657308000b6865616c7468636865636b11";

enum Code : int {
  kNoVersion = 5,
  kNoFrameSize = 6,
  kNoCapabilities = 7,
  kBadVersion = 8,
  kBadFrameSize = 9,
  kInvalid = 4
};

Next fail(Run& run, int code, Str text) {
  run.finish(Status::l7_invalid, std::string(text));
  run.set_code(code);
  return Next::stop;
}
Next invalid(Run& run) {
  return fail(run, kInvalid, "invalid frame received");
}

uint32_t number_at(Str s, size_t at) {
  uint32_t n = 0;
  for (size_t i = 0; i < 4; i++) n = n << 8 | static_cast<unsigned char>(s[at + i]);
  return n;
}

// The protocol's integers: up to 239 in one byte, else with seven bits in each further byte.
std::optional<uint64_t> take_integer(Str& in) {
  if (in.empty()) return std::nullopt;
  uint64_t n = static_cast<unsigned char>(in[0]);
  in.remove_prefix(1);
  if (n < 240) return n;
  for (int shift = 4;; shift += 7) {
    if (in.empty() || shift > 56) return std::nullopt;
    auto byte = static_cast<unsigned char>(in[0]);
    in.remove_prefix(1);
    n += static_cast<uint64_t>(byte) << shift;
    if (byte < 128) return n;
  }
}
std::optional<Str> take_text(Str& in) {
  auto size = take_integer(in);
  if (!size || *size > in.size()) return std::nullopt;
  Str text = in.substr(0, *size);
  in.remove_prefix(*size);
  return text;
}

struct Value {
  int type = 0;
  Str text;
  uint64_t number = 0;
};
enum Type : int { kInt32 = 2, kUint64 = 5, kIpv4 = 6, kIpv6 = 7, kString = 8, kBinary = 9 };

std::optional<Value> take_value(Str& in) {
  if (in.empty()) return std::nullopt;
  Value v;
  v.type = in[0] & 0x0f;
  in.remove_prefix(1);
  if (v.type >= kInt32 && v.type <= kUint64) {
    auto n = take_integer(in);
    if (!n) return std::nullopt;
    v.number = *n;
  } else if (v.type == kString || v.type == kBinary) {
    auto text = take_text(in);
    if (!text) return std::nullopt;
    v.text = *text;
  } else if (v.type == kIpv4 || v.type == kIpv6) {
    size_t size = v.type == kIpv4 ? 4 : 16;
    if (in.size() < size) return std::nullopt;
    in.remove_prefix(size);
  }
  return v;
}

bool is_integer(const Value& v) {
  return v.type >= kInt32 && v.type <= kUint64;
}

Next read_hello(Run& run, Str in) {
  constexpr uint64_t kLeast = 256, kMost = 16380;
  bool version = false, size = false, capabilities = false;
  while (!in.empty()) {
    auto key = take_text(in);
    auto value = key && !key->empty() ? take_value(in) : std::nullopt;
    if (!value) return invalid(run);
    if (*key == "version") {
      if (value->type != kString) return invalid(run);
      if (trim(value->text) != "2.0") return fail(run, kBadVersion, "unsupported version");
      version = true;
    } else if (*key == "max-frame-size") {
      if (!is_integer(*value)) return invalid(run);
      if (value->number < kLeast || value->number > kMost)
        return fail(run, kBadFrameSize, "max-frame-size too big or too small");
      size = true;
    } else if (*key == "capabilities") {
      if (value->type != kString) return invalid(run);
      capabilities = true;
    }
  }
  if (!version) return fail(run, kNoVersion, "version value not found");
  if (!size) return fail(run, kNoFrameSize, "max-frame-size value not found");
  if (!capabilities) return fail(run, kNoCapabilities, "capabilities value not found");
  run.finish(Status::l7_ok, "SPOA server is ok");
  return Next::stop;
}

Next read_goodbye(Run& run, Str in) {
  uint64_t code = 0;
  Str text;
  while (!in.empty()) {
    auto key = take_text(in);
    auto value = key && !key->empty() ? take_value(in) : std::nullopt;
    if (!value) return invalid(run);
    if (*key == "status-code") code = value->number;
    if (*key == "message") text = value->text;
  }
  return fail(run, static_cast<int>(std::min<uint64_t>(code, 255)), text.empty() ? Str("unknown error") : text);
}

Next expect_hello(Run& run, const void*, bool last) {
  constexpr size_t kHead = 11;
  constexpr int kAgentHello = 101, kAgentDisconnect = 102;
  Str in = run.input();
  if (in.empty() && last) return fail_empty(run);
  if (in.size() < kHead) return last ? invalid(run) : Next::wait;
  auto type = static_cast<unsigned char>(in[4]);
  if ((type != kAgentHello && type != kAgentDisconnect) || number_at(in, 5) != 1 || in[9] || in[10])
    return invalid(run);
  size_t length = number_at(in, 0);
  if (in.size() < 4 + length) return last ? invalid(run) : Next::wait;
  Str items = in.substr(kHead, length + 4 - kHead);
  return type == kAgentHello ? read_hello(run, items) : read_goodbye(run, items);
}

void bind_spop(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  std::string hello;
  from_hex(kHello, hello);
  ProtocolLines lines(scope, d);
  lines.connect(false);
  lines.send(scope.keep(hello));
  lines.expect(expect_hello, nullptr);
}

constexpr Row kRows[] = {
    {"option spop-check", kBackends, 0, 0, Block::none, Inherit::copy, bind_spop, "",
     "check servers with an SPOP handshake"},
};

}  // namespace

const config::Table kSpopCheckTable = kRows;

}  // namespace weir::haproxy
