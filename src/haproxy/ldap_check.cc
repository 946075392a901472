// `option ldap-check`: an anonymous bind of LDAPv3 (RFC 4511 4.2) has to succeed.
#include "haproxy/bind.h"
#include "haproxy/protocol_checks.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Status;

constexpr Str kBind("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", 14);

Next invalid(Run& run, Str why) {
  run.finish(Status::l7_invalid, std::string(why));
  return Next::stop;
}

// A length of BER; false: there are too few bytes. `bad`: one of a form that no server uses.
bool take_length(Str& in, size_t& length, bool& bad) {
  if (in.empty()) return false;
  auto first = static_cast<unsigned char>(in[0]);
  size_t bytes = first & 0x80 ? first & 0x7f : 0;
  if (in.size() < 1 + bytes) return false;
  bad = bytes != 0 && bytes != 1 && bytes != 2 && bytes != 4;
  length = bytes ? 0 : first;
  for (size_t i = 0; i < bytes && !bad; i++) length = length << 8 | static_cast<unsigned char>(in[1 + i]);
  in.remove_prefix(1 + bytes);
  return true;
}

// LDAPMessage { messageID 1, bindResponse { resultCode … } }
Next expect_bind(Run& run, const void*, bool last) {
  constexpr Str kNo = "Not LDAPv3 protocol";
  Str in = run.input();
  if (in.empty() && last) return fail_empty(run);
  auto too_short = [&] { return last ? invalid(run, {}) : Next::wait; };
  if (in.size() < 14) return in.empty() || in[0] == '\x30' ? too_short() : invalid(run, kNo);
  if (in[0] != '\x30') return invalid(run, kNo);
  in.remove_prefix(1);
  size_t length = 0;
  bool bad = false;
  if (!take_length(in, length, bad)) return too_short();
  if (bad) return invalid(run, kNo);
  if (in.size() < length) return too_short();
  if (!in.starts_with(Str("\x02\x01\x01\x61", 4))) return invalid(run, kNo);
  in.remove_prefix(4);
  if (!take_length(in, length, bad) || in.size() < 3) return too_short();
  if (bad || !in.starts_with(Str("\x0a\x01", 2))) return invalid(run, kNo);
  int code = static_cast<unsigned char>(in[2]);
  if (code)
    run.finish(Status::l7_wrong, "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9");
  else
    run.finish(Status::l7_ok, "Success");
  run.set_code(code);
  return Next::stop;
}

void bind_ldap(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  ProtocolLines lines(scope, d);
  lines.send(kBind);
  lines.expect(expect_bind, nullptr);
}

constexpr Row kRows[] = {
    {"option ldap-check", kBackends, 0, 0, Block::none, Inherit::copy, bind_ldap, "",
     "check servers with an LDAPv3 bind"},
};

}  // namespace

const config::Table kLdapCheckTable = kRows;

}  // namespace weir::haproxy
