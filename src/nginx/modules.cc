// The order of the features. Steps of one phase run in this order, filters by their own number, header steps as listed.
#include "nginx/modules.h"

#include "nginx/server_tokens.h"

namespace weir::nginx {

const std::vector<const Module*>& modules() {
  static const std::vector<const Module*> list = {
      &kMainModule, &kCoreModule, &kListenModule, &kSslModule, &kUpstreamModule, &kErrorPageModule, &kServerTokensModule, &kProxyModule,
  };
  return list;
}

void add_builtin_variables() {
  for (auto table : {kCoreVariables, kProxyVariables}) Variables::add_builtins(table);
}

}  // namespace weir::nginx
