// keepalive_disable (ngx_http_core_module), and when a client's connection ends for other reasons than its number of
// requests or its silence. See nginx/keepalive.h.
#include "nginx/keepalive.h"

#include "http/h1_server.h"
#include "nginx/core.h"
#include "nginx/request.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

enum Disabled : uint32_t { kNone = 1, kMsie6 = 2, kSafari = 4 };

struct KeepaliveConf {
  Setting<uint32_t> disabled;
};

void bind_disable(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<KeepaliveConf*>(scope.conf);
  uint32_t bits = 0;
  for (size_t i = 0; i < d.args(); i++) {
    Str w = d.arg(i).text;
    if (w != "none" && w != "msie6" && w != "safari") return bad_value(scope, d, i, "none, msie6 or safari");
    bits |= w == "none" ? kNone : w == "msie6" ? kMsie6 : kSafari;
  }
  conf.disabled = bits;
}

bool contains(Str text, Str word) {
  return text.find(word) != Str::npos;
}

// Internet Explorer up to 6 but for its last service pack (ngx_http_process_user_agent).
bool is_msie6(Str agent) {
  size_t at = agent.find("MSIE ");
  if (at == Str::npos || at + 7 >= agent.size() || agent[at + 6] != '.' || contains(agent, "Opera")) return false;
  char major = agent[at + 5];
  return major == '4' || major == '5' || (major == '6' && !contains(agent.substr(at), "SV1"));
}

bool is_safari(Str agent) {
  for (Str other : {"MSIE ", "Opera", "Gecko/", "Chrome/"})
    if (contains(agent, other)) return false;
  return contains(agent, "Safari/") && contains(agent, "Mac OS X");
}

// A browser that loses a POST or an answer on a connection that goes on.
bool mishandles(const http::Message& request, uint32_t disabled) {
  bool post = request.method == http::Method::post;
  if (!post && !(disabled & kSafari)) return false;
  Str agent = request.headers.value(http::Name::user_agent);
  return (post && (disabled & kMsie6) && is_msie6(agent)) || ((disabled & kSafari) && is_safari(agent));
}

const Row kTable[] = {
    {"keepalive_disable",
     kHttpServerLocation,
     1,
     2,
     Block::none,
     Inherit::scalar,
     bind_disable,
     "none | browser ...",
     "browsers whose connections end with each answer: msie6 after a POST, safari always",
     {},
     WEIR_FIELD(KeepaliveConf, disabled),
     "msie6"},
};

}  // namespace

bool may_keep_alive(const proxy::Transaction& txn) {
  const Location& l = *of(txn).location;
  const auto* client = static_cast<const http::H1Server*>(txn.client);
  return txn.shard.loop.now() - client->accepted_ms() <= l.of<CoreConf>(kCoreModule).keepalive_time.get(3600000) &&
         !mishandles(txn.request, l.of<KeepaliveConf>(kKeepaliveModule).disabled.get(kMsie6));
}

void add_keepalive_header(proxy::Transaction& txn, http::Message& response) {
  const auto& core = of(txn).location->of<CoreConf>(kCoreModule);
  if (!core.keepalive_header.set || txn.close_client || !txn.request.keep_alive) return;
  auto* client = static_cast<http::H1Server*>(txn.client);
  bool last = client->will_close() || client->requests() >= core.keepalive_requests.get(1000);
  if (!last && client->timeouts().keepalive)
    response.headers.add("Keep-Alive", core.keepalive_header.value, http::Name::keep_alive);
}

const Module kKeepaliveModule{"keepalive", sizeof(KeepaliveConf), module_create<KeepaliveConf>, kTable};

}  // namespace weir::nginx
