// Evaluation of compiled expressions, and the registry of fetches and converters.
#include <algorithm>

#include "expr/hooks.h"
#include "expr/tables.h"

namespace weir::expr {

Hooks hooks;

bool Expr::eval(const Ctx& ctx, Value& out) const {
  if (!fetch(ctx, args, out)) return false;
  for (uint8_t i = 0; i < call_count; i++) {
    const Call& call = calls[i];
    if (!cast(out, call.in, *ctx.arena) || !call.convert(ctx, call.args, out)) return false;
  }
  return true;
}

std::string where_names(uint16_t bits) {
  static constexpr Str kNames[] = {"client address",         "HTTP request headers",
                                   "HTTP request body",      "server",
                                   "HTTP response headers",  "HTTP response body",
                                   "transaction statistics", "request buffer",
                                   "HTTP request",           "backend",
                                   "response buffer",        "HTTP response",
                                   "client-side connection", "server-side connection"};
  std::string out;
  for (size_t i = 0; i < std::size(kNames); i++) {
    if (!(bits >> i & 1)) continue;
    if (!out.empty()) out += ',';
    out += kNames[i];
  }
  return out;
}

namespace {

template <class Def>
struct ByName {
  std::vector<const Def*> rows;

  explicit ByName(std::initializer_list<std::span<const Def>> tables) {
    for (auto table : tables)
      for (const Def& row : table) rows.push_back(&row);
    std::sort(rows.begin(), rows.end(), [](const Def* a, const Def* b) { return a->name < b->name; });
  }
  const Def* find(Str name) const {
    auto it = std::lower_bound(rows.begin(), rows.end(), name, [](const Def* d, Str n) { return d->name < n; });
    return it != rows.end() && (*it)->name == name ? *it : nullptr;
  }
  std::vector<Str> names() const {
    std::vector<Str> out;
    out.reserve(rows.size());
    for (const Def* d : rows) out.push_back(d->name);
    return out;
  }
};

const ByName<FetchDef>& fetches() {
  static const ByName<FetchDef> all{internal_fetches(), proxy_fetches(),  connection_fetches(), tls_fetches(),
                                    request_fetches(),  header_fetches(), auth_fetches(),       body_fetches(),
                                    log_fetches(),      hello_fetches(),  limit_fetches(),      client_hello_fetches(),
                                    table_fetches(),    track_fetches()};
  return all;
}
const ByName<ConvertDef>& converters() {
  static const ByName<ConvertDef> all{
      number_converters(), text_converters(), code_converters(), digest_converters(), time_converters(),
      misc_converters(),   json_converters(), map_converters(),  table_converters(),  forwarded_converters()};
  return all;
}

}  // namespace

const FetchDef* find_fetch(Str name) {
  return fetches().find(name);
}
const ConvertDef* find_converter(Str name) {
  return converters().find(name);
}
std::vector<Str> fetch_names() {
  return fetches().names();
}
std::vector<Str> converter_names() {
  return converters().names();
}

}  // namespace weir::expr
