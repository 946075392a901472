// Fetches about timeouts and retries: what a proxy is configured with (be_, fe_), and what rules have made of it for this
// exchange (cur_).
#include "expr/fetch_helpers.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

template <Limit which, bool current>
bool limit(const Ctx& ctx, const Arg*, Value& out) {
  int64_t n = 0;
  return hooks.limit && hooks.limit(ctx, which, current, n) && give(out, n);
}

constexpr Type kInt = Type::integer;

// clang-format off
constexpr FetchDef kTable[] = {
    {"be_connect_timeout", 0, 0, kInt, kBackend, limit<Limit::connect, false>, nullptr, "connect timeout of the backend in milliseconds"},
    {"be_max_retries", 0, 0, kInt, kBackend, limit<Limit::retries, false>, nullptr, "retries of the backend"},
    {"be_queue_timeout", 0, 0, kInt, kBackend, limit<Limit::queue, false>, nullptr, "queue timeout of the backend in milliseconds"},
    {"be_server_timeout", 0, 0, kInt, kBackend, limit<Limit::server, false>, nullptr, "server timeout of the backend in milliseconds"},
    {"be_tarpit_timeout", 0, 0, kInt, kBackend, limit<Limit::tarpit, false>, nullptr, "tarpit timeout of the backend in milliseconds"},
    {"be_tunnel_timeout", 0, 0, kInt, kBackend, limit<Limit::tunnel, false>, nullptr, "tunnel timeout of the backend in milliseconds"},
    {"cur_client_timeout", 0, 0, kInt, kClientConn, limit<Limit::client, true>, nullptr, "client timeout in force in milliseconds"},
    {"cur_connect_timeout", 0, 0, kInt, kBackend, limit<Limit::connect, true>, nullptr, "connect timeout in force in milliseconds"},
    {"cur_max_retries", 0, 0, kInt, kBackend, limit<Limit::retries, true>, nullptr, "retries in force"},
    {"cur_queue_timeout", 0, 0, kInt, kBackend, limit<Limit::queue, true>, nullptr, "queue timeout in force in milliseconds"},
    {"cur_server_timeout", 0, 0, kInt, kBackend, limit<Limit::server, true>, nullptr, "server timeout in force in milliseconds"},
    {"cur_tarpit_timeout", 0, 0, kInt, kClientConn | kBackend, limit<Limit::tarpit, true>, nullptr, "tarpit timeout in force in milliseconds"},
    {"cur_tunnel_timeout", 0, 0, kInt, kBackend, limit<Limit::tunnel, true>, nullptr, "tunnel timeout in force in milliseconds"},
    {"fe_client_timeout", 0, 0, kInt, kClientConn, limit<Limit::client, false>, nullptr, "client timeout of the frontend in milliseconds"},
    {"fe_tarpit_timeout", 0, 0, kInt, kClientConn, limit<Limit::front_tarpit, false>, nullptr, "tarpit timeout of the frontend in milliseconds"},
};
// clang-format on

}  // namespace

FetchTable limit_fetches() {
  return kTable;
}

}  // namespace weir::expr
