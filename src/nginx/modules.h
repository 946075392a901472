#pragma once
// Every feature of the nginx personality by name. A feature's file defines its Module (and its variables); nginx/modules.cc
// puts them in order.
#include <span>

#include "nginx/module.h"

namespace weir::nginx {

// Registers the built-in variables of all features; once per process is enough.
void add_builtin_variables();
// The user of an Authorization: Basic header, whether or not it was checked. False: there is none.
bool basic_user(const proxy::Transaction& txn, Str& user);

extern const Module kMainModule;
extern const Module kWorkerLimitsModule;
extern const Module kCoreModule;
extern const Module kListenModule;
extern const Module kSslModule;
extern const Module kSslOcspModule;
extern const Module kUpstreamModule;
extern const Module kQueueModule;
extern const Module kResolverModule;
extern const Module kUpstreamNamesModule;
extern const Module kProxyModule;
extern const Module kErrorPageModule;
extern const Module kGzipModule;
extern const Module kServerTokensModule;
extern const Module kPathsModule;
extern const Module kMimeModule;
extern const Module kStaticModule;
extern const Module kIndexModule;
extern const Module kAutoindexModule;
extern const Module kTryFilesModule;
extern const Module kNotModifiedModule;
extern const Module kHeadersModule;
extern const Module kRangeModule;
extern const Module kLogModule;
extern const Module kErrorLogModule;
extern const Module kStubStatusModule;
extern const Module kEmptyGifModule;
extern const Module kLimitRateModule;
extern const Module kSubFilterModule;
extern const Module kCharsetModule;
extern const Module kChunkedModule;
extern const Module kRewriteModule;
extern const Module kRewriteIfModule;
extern const Module kMapModule;
extern const Module kGeoModule;
extern const Module kSplitClientsModule;
extern const Module kAccessModule;
extern const Module kLimitExceptModule;
extern const Module kAuthBasicModule;
extern const Module kAuthRequestModule;
extern const Module kLuaModule;
extern const Module kLuaHeaderFilterModule;
extern const Module kMirrorModule;
extern const Module kLimitConnModule;
extern const Module kLimitReqModule;
extern const Module kRealipModule;
extern const Module kRefererModule;
extern const Module kSecureLinkModule;
extern const Module kPostActionModule;

extern const std::span<const VariableDef> kCoreVariables;
extern const std::span<const VariableDef> kProxyVariables;
extern const std::span<const VariableDef> kPathsVariables;
extern const std::span<const VariableDef> kLogVariables;
extern const std::span<const VariableDef> kStubStatusVariables;
extern const std::span<const VariableDef> kLimitRateVariables;
extern const std::span<const VariableDef> kRealipVariables;
extern const std::span<const VariableDef> kProxyProtocolVariables;
extern const std::span<const VariableDef> kLimitConnVariables;
extern const std::span<const VariableDef> kLimitReqVariables;
extern const std::span<const VariableDef> kSecureLinkVariables;
extern const std::span<const VariableDef> kRefererVariables;
extern const std::span<const VariableDef> kSslConnectionVariables;
extern const std::span<const VariableDef> kRequestIdVariables;
extern const std::span<const VariableDef> kQueueVariables;
extern const std::span<const VariableDef> kTcpInfoVariables;
extern const std::span<const VariableDef> kGzipVariables;
extern const std::span<const VariableDef> kPlannedVariables;

}  // namespace weir::nginx
