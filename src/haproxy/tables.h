#pragma once
// The tables of what is built, one per feature file. bind.cc collects them.
#include "config/table.h"

namespace weir::haproxy {

extern const config::Table kSectionTable;
extern const config::Table kGlobalTable;
extern const config::Table kGlobalProcessTable;
extern const config::Table kCpuMapTable;
extern const config::Table kGlobalTuneTable;
extern const config::Table kGlobalTlsTable;
extern const config::Table kProxyTable;
extern const config::Table kBindTable;
extern const config::Table kBindOptionTable;
extern const config::Table kServerTable;
extern const config::Table kStateFileTable;
extern const config::Table kServerOptionTable;
extern const config::Table kServerLoadTable;
extern const config::Table kServerOriginTable;
extern const config::Table kServerNameTable;
extern const config::Table kServerRouteTable;
extern const config::Table kSourceTable;
extern const config::Table kResolversTable;
extern const config::Table kResolveRuleTable;
extern const config::Table kTlsOptionTable;
extern const config::Table kTimeoutTable;
extern const config::Table kTcpOptionTable;
extern const config::Table kOptionTable;
extern const config::Table kForwardedTable;
extern const config::Table kRdpCookieTable;
extern const config::Table kRetryTable;
extern const config::Table kSwitchingTable;
extern const config::Table kCookieTable;
extern const config::Table kStickTable;
extern const config::Table kTrackTable;
extern const config::Table kPeersTable;
extern const config::Table kHeaderRuleTable;
extern const config::Table kUriRuleTable;
extern const config::Table kNormalizeUriTable;
extern const config::Table kAnswerRuleTable;
extern const config::Table kAuthRuleTable;
extern const config::Table kRedirectTable;
extern const config::Table kVariableRuleTable;
extern const config::Table kControlRuleTable;
extern const config::Table kPriorityRuleTable;
extern const config::Table kTcpRuleTable;
extern const config::Table kErrorfileTable;
extern const config::Table kBalanceTable;
extern const config::Table kLogTable;
extern const config::Table kLogProfileTable;
extern const config::Table kRingTable;
extern const config::Table kForwardedHeaderTable;
extern const config::Table kAddressRuleTable;
extern const config::Table kLogForwardTable;
extern const config::Table kCaptureTable;
extern const config::Table kUniqueIdTable;
extern const config::Table kMonitorTable;
extern const config::Table kCompressionTable;
extern const config::Table kUserlistTable;
extern const config::Table kRuntimeSocketTable;
extern const config::Table kStatsPageTable;
extern const config::Table kLuaTable;
extern const config::Table kOldWordsTable;
extern const config::Table kCheckRuleTable;
extern const config::Table kCheckOptionTable;
extern const config::Table kHttpCheckTable;
extern const config::Table kHealthcheckTable;
extern const config::Table kProtocolCheckTable;
extern const config::Table kMysqlCheckTable;
extern const config::Table kLdapCheckTable;
extern const config::Table kSpopCheckTable;
extern const config::Table kCheckSpreadTable;
extern const config::Table kExternalCheckTable;

}  // namespace weir::haproxy
