// limit_except METHOD … { … }: other settings, mostly access rules, for all methods but the listed ones. The block is a
// Location that is entered instead of the one around it, without that one's rewrite directives, as in nginx.
#include <fmt/format.h>

#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Method;
using proxy::Next;

struct LimitExceptConf {
  Location* block = nullptr;
  uint32_t allowed = 0;  // bits by Method
};

constexpr uint32_t bit(Method m) {
  return 1u << static_cast<unsigned>(m);
}

void bind_limit_except(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<LimitExceptConf*>(scope.conf);
  for (size_t i = 0; i < d.args(); i++) {
    std::string name;
    for (char c : d.arg(i).text) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    Method m = http::method_id(name);
    if (m == Method::other) return refuse(scope, d.arg(i).where, fmt::format("invalid method \"{}\"", d.arg(i).text));
    conf.allowed |= bit(m);
  }
  if (conf.allowed & bit(Method::get)) conf.allowed |= bit(Method::head);
  Level* outer = scope.level;
  Location* block = scope.new_location(*outer, kLimitExcept);
  block->kind = MatchKind::limit_except;
  block->name = static_cast<Location*>(outer)->name;
  block->directive = &d;
  conf.block = block;
  scope.level = block;
  scope.bind_block(d, kLimitExcept);
  scope.level = outer;
}

Next choose(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf) {
  const auto& c = *static_cast<const LimitExceptConf*>(conf);
  if (c.allowed & bit(txn.request.method)) return Next::next;
  of(txn).location = c.block;
  txn.where = &c.block->request_segment;
  cursor.target_segment = &c.block->request_segment;
  return Next::goto_;
}

void compile(Scope&, Location& l, void* conf) {
  auto& c = *static_cast<LimitExceptConf*>(conf);
  if (c.block) l.step(Phase::rewrite, choose, &c, c.block->directive->where);
}

const Row kTable[] = {
    {"limit_except", kLocation, 1, -1, Block::required, Inherit::none, bind_limit_except, "method ... { ... }",
     "settings for requests with other methods than these"},
};

}  // namespace

const Module kLimitExceptModule{
    "limit_except", sizeof(LimitExceptConf), module_create<LimitExceptConf>, kTable, nullptr, compile};

}  // namespace weir::nginx
