// Converters about the Forwarded header (RFC 7239).
#include <fmt/format.h>

#include "expr/fetch_helpers.h"
#include "expr/forwarded.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

bool is_valid(const Ctx&, const Arg*, Value& v) {
  Forwarded f;
  return give_bool(v, parse_forwarded(v.str, f));
}

bool field(const Ctx&, const Arg* args, Value& v) {
  Forwarded f;
  if (!parse_forwarded(v.str, f)) return false;
  Str name = args[0].str;
  Str out = name == "proto" ? f.proto : name == "host" ? f.host : name == "for" ? f.from.whole : f.by.whole;
  return out.data() && give(v, out);
}
std::string check_field(Arg* args, int, Arena&) {
  for (Str known : {Str("proto"), Str("host"), Str("for"), Str("by")})
    if (args[0].str == known) return {};
  return fmt::format("'{}' is not proto, host, for or by", args[0].str);
}

bool node_name(const Ctx&, const Arg*, Value& v) {
  ForwardedNode node;
  if (!parse_forwarded_node(v.str, true, node)) return false;
  if (node.kind != ForwardedNode::Name::address) return give(v, node.name);
  v = node.address;
  return true;
}
bool node_port(const Ctx&, const Arg*, Value& v) {
  ForwardedNode node;
  if (!parse_forwarded_node(v.str, true, node) || node.port.empty()) return false;
  if (node.port.starts_with('_')) return give(v, node.port);
  return give(v, static_cast<int64_t>(*parse_u64(node.port)));
}

bool hide(const Ctx& ctx, Value& v) {
  return is_hidden_name(v.str) && give(v, ctx.arena->cat(Str("_"), v.str));
}
bool to_node_name(const Ctx& ctx, const Arg*, Value& v) {
  if (v.type == Type::ipv4) return give(v, to_text(v, *ctx.arena));
  if (v.type == Type::ipv6) return give(v, ctx.arena->cat(ctx.arena->cat(Str("["), to_text(v, *ctx.arena)), Str("]")));
  if (!cast(v, Type::string, *ctx.arena)) return false;
  return v.str.empty() ? give(v, Str("unknown")) : hide(ctx, v);
}
bool to_node_port(const Ctx& ctx, const Arg*, Value& v) {
  if (v.type == Type::integer) return give(v, ctx.arena->dup(fmt::format("{}", static_cast<uint32_t>(v.integer))));
  return cast(v, Type::string, *ctx.arena) && hide(ctx, v);
}

constexpr Type kText = Type::string;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"rfc7239_field", 1, 1, kText, kText, field, check_field, "a parameter of a Forwarded header: proto, host, for or by"},
    {"rfc7239_is_valid", 0, 0, kText, Type::boolean, is_valid, nullptr, "whether a Forwarded header is well-formed"},
    {"rfc7239_n2nn", 0, 0, kText, Type::any, node_name, nullptr, "the name or address of a Forwarded node"},
    {"rfc7239_n2np", 0, 0, kText, Type::any, node_port, nullptr, "the port of a Forwarded node"},
    {"rfc7239_nn", 0, 0, Type::any, kText, to_node_name, nullptr, "an address or name as a Forwarded node's name"},
    {"rfc7239_np", 0, 0, Type::any, kText, to_node_port, nullptr, "a number or name as a Forwarded node's port"},
};
// clang-format on

}  // namespace

ConvertTable forwarded_converters() {
  return kTable;
}

}  // namespace weir::expr
