// server_tokens on | off | build | string (ngx_http_core_module); see nginx/server_tokens.h.
#include "nginx/server_tokens.h"

#include "nginx/request.h"

namespace weir::nginx {
namespace {

struct TokensConf {
  Setting<Str> mode;
};

void bind_tokens(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  Str w = d.arg(0).text;
  if (w != "on" && w != "off" && w != "build") return bad_value(scope, d, 0, "on, off or build");
  static_cast<TokensConf*>(scope.conf)->mode = scope.arena.dup(w);
}

const Row kTable[] = {
    {"server_tokens",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_tokens,
     "on | off | build",
     "whether the version is shown",
     {},
     WEIR_FIELD(TokensConf, mode),
     "on"},
};

}  // namespace

Str server_token(proxy::Transaction& txn) {
  const auto& c = conf_of<TokensConf>(txn, kServerTokensModule);
  const Http& http = *of(txn).http;
  return c.mode.get("on") == "off" ? http.product : http.product_version;
}

const Module kServerTokensModule{"server_tokens", sizeof(TokensConf), module_create<TokensConf>, kTable};

}  // namespace weir::nginx
