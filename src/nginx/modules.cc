// The order of the features. Steps of one phase run in this order, access checks too; filters go by their own number, header
// steps as listed.
#include "nginx/modules.h"

#include "nginx/balancing.h"
#include "nginx/body_file.h"
#include "nginx/health_check.h"
#include "nginx/health_match.h"
#include "nginx/keepalive.h"
#include "nginx/listen_socket.h"
#include "nginx/lua_hooks.h"
#include "nginx/proxy_bind.h"
#include "nginx/proxy_buffers.h"
#include "nginx/proxy_socket.h"
#include "nginx/proxy_ssl.h"
#include "nginx/stats_page.h"
#include "nginx/sticky.h"

namespace weir::nginx {

const std::vector<const Module*>& modules() {
  static const std::vector<const Module*> list = {
      // what a location is
      &kMainModule,
      &kWorkerLimitsModule,
      &kCoreModule,
      &kListenModule,
      &kListenSocketModule,
      &kSslModule,
      &kSslOcspModule,
      &kErrorLogModule,
      &kPathsModule,
      &kMimeModule,
      &kServerTokensModule,
      &kKeepaliveModule,
      &kErrorPageModule,
      &kBodyFileModule,
      &kBalancingModule,
      &kUpstreamModule,
      &kStickyModule,
      &kQueueModule,
      &kResolverModule,
      &kUpstreamNamesModule,
      &kLimitExceptModule,
      // variables that the configuration makes
      &kMapModule,
      &kGeoModule,
      &kSplitClientsModule,
      // rewrite, preaccess, access
      &kRealipModule,
      &kRewriteModule,
      &kRewriteIfModule,
      &kLimitReqModule,
      &kLimitConnModule,
      &kAccessModule,
      &kAuthBasicModule,
      &kAuthRequestModule,
      &kRefererModule,
      &kSecureLinkModule,
      &kLuaModule,
      &kLuaHooksModule,
      // content
      &kTryFilesModule,
      &kMirrorModule,
      &kStubStatusModule,
      &kStatsPageModule,
      &kEmptyGifModule,
      &kProxySslModule,
      &kProxyBindModule,
      &kProxySocketModule,
      &kProxyBuffersModule,
      &kProxyModule,
      &kHealthMatchModule,
      &kHealthCheckModule,
      &kLimitRateModule,
      &kIndexModule,
      &kAutoindexModule,
      &kStaticModule,
      // response heads and bodies
      &kNotModifiedModule,
      &kLuaHeaderFilterModule,
      &kHeadersModule,
      &kSubFilterModule,
      &kCharsetModule,
      &kChunkedModule,
      &kRangeModule,
      &kGzipModule,
      // log
      &kLogModule,
      &kPostActionModule,
  };
  return list;
}

void add_builtin_variables() {
  for (auto table :
       {kPlannedVariables, kCoreVariables, kProxyVariables, kPathsVariables, kLogVariables, kStubStatusVariables,
        kLimitRateVariables, kRealipVariables, kProxyProtocolVariables, kLimitReqVariables, kLimitConnVariables,
        kRefererVariables, kSecureLinkVariables, kSslConnectionVariables, kRequestIdVariables, kBodyFileVariables,
        kQueueVariables, kTcpInfoVariables, kGzipVariables})
    Variables::add_builtins(table);
}

}  // namespace weir::nginx
