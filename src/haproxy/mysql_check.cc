// `option mysql-check`: reads a MySQL server's greeting, or logs in with a name and no password and leaves again.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/protocol_checks.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Status;

uint32_t byte_at(Str s, size_t i) {
  return static_cast<unsigned char>(s[i]);
}
uint32_t length_at(Str s, size_t at) {
  return byte_at(s, at) | byte_at(s, at + 1) << 8 | byte_at(s, at + 2) << 16;
}

Next short_packet(Run& run, bool last) {
  if (!last) return Next::wait;
  if (run.input().empty()) return fail_empty(run);
  run.finish(Status::l7_invalid);
  return Next::stop;
}

// A packet of the server's at `at`: four bytes in front of it, 0xff at its begin for an error with its number and text.
Next expect_packet(Run& run, size_t at, bool last, bool final) {
  Str in = run.input();
  if (in.size() < at + 4 || in.size() < at + 5 || in.size() < at + 4 + length_at(in, at))
    return short_packet(run, last);
  if (byte_at(in, at + 4) == 0xff && in.size() >= at + 7) {
    run.finish(Status::l7_wrong, std::string(in.substr(at + 7)));
    run.set_code(static_cast<int>(byte_at(in, at + 5) | byte_at(in, at + 6) << 8));
    return Next::stop;
  }
  if (!final) return Next::next;
  // The greeting's version of the server.
  Str version = in.substr(std::min<size_t>(5, in.size()));
  run.finish(Status::l7_ok, std::string(version.substr(0, version.find('\0'))));
  return Next::stop;
}

Next expect_only_greeting(Run& run, const void*, bool last) {
  return expect_packet(run, 0, last, true);
}
Next expect_greeting(Run& run, const void*, bool last) {
  return expect_packet(run, 0, last, false);
}
Next expect_ok(Run& run, const void*, bool last) {
  return run.input().size() < 4 ? short_packet(run, last)
                                : expect_packet(run, 4 + length_at(run.input(), 0), last, true);
}

// The answer to the greeting, and the command to quit behind it.
std::string login(Str user, Str kind) {
  std::string body;
  if (kind == "pre-41") {
    body += Str("\x00\x80\x00\x00\x01", 5);
    body.append(user).append(2, '\0');
  } else {
    bool plugin = kind == "post-80";
    body += plugin ? Str("\x00\x82\x08\x00\x00\x80\x00\x01\x21", 9) : Str("\x00\x82\x00\x00\x00\x80\x00\x01\x21", 9);
    body.append(23, '\0').append(user).append(2, '\0');
    if (plugin) body += Str("mysql_native_password\0", 22);
  }
  std::string out;
  for (int shift = 0; shift <= 16; shift += 8) out += static_cast<char>(body.size() >> shift & 0xff);
  out += '\1';
  return out + body + std::string("\1\0\0\0\1", 5);
}

void bind_mysql(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  Words args = args_of(d, row);
  if (!args.empty() && (args[0] != Str("user") || args.size() < 2)) {
    scope.error(args[0].where, fmt::format("'{}' takes 'user' and a name", row.name), {},
                fmt::format("'{}' only supports optional values: 'user' (got '{}').", row.name, args[0].text));
    return;
  }
  Str kind = args.size() > 2 ? args[2].text : Str("post-41");
  if (kind != "post-41" && kind != "pre-41" && kind != "post-80") {
    scope.error(args[2].where, fmt::format("'{}' is no kind of MySQL login", kind), "post-41, pre-41 or post-80",
                fmt::format("keyword 'user' only supports 'post-41', 'pre-41' and 'post-80' (got '{}').", kind));
    return;
  }
  ProtocolLines lines(scope, d);
  lines.connect(true);
  if (args.empty()) return lines.expect(expect_only_greeting, nullptr);
  lines.send(scope.keep(login(args[1].text, kind)));
  lines.expect(expect_greeting, nullptr);
  lines.expect(expect_ok, nullptr);
}

constexpr Row kRows[] = {
    {"option mysql-check", kBackends, 0, 3, Block::none, Inherit::copy, bind_mysql,
     "[ user <username> [ { post-41 | pre-41 | post-80 } ] ]", "check servers with a MySQL handshake"},
};

}  // namespace

const config::Table kMysqlCheckTable = kRows;

}  // namespace weir::haproxy
