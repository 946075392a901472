#pragma once
// Where a HAProxy keyword may stand: the bits of config::Row::contexts in the HAProxy tables. Sections first, then the
// places inside a line (options of `bind` and `server`, sample fetches, converters, log-format tags).
#include "config/table.h"

namespace weir::haproxy {

using config::ContextMask;

enum Context : ContextMask {
  kTop = 1ull << 0,  // section openers
  kGlobal = 1ull << 1,
  kDefaults = 1ull << 2,
  kFrontend = 1ull << 3,
  kListen = 1ull << 4,
  kBackend = 1ull << 5,
  kResolvers = 1ull << 6,
  kPeers = 1ull << 7,
  kUserlist = 1ull << 8,
  kMailers = 1ull << 9,
  kCache = 1ull << 10,
  kRing = 1ull << 11,
  kLogForward = 1ull << 12,
  kHttpErrors = 1ull << 13,
  kFcgiApp = 1ull << 14,
  kProgram = 1ull << 15,
  kTraces = 1ull << 16,
  kCrtStore = 1ull << 17,
  kAcme = 1ull << 18,
  kLogProfile = 1ull << 19,
  kHealthcheck = 1ull << 20,
  kDynUpdate = 1ull << 21,

  kBindOption = 1ull << 32,
  kServerOption = 1ull << 33,
  kFetch = 1ull << 34,
  kConverter = 1ull << 35,
  kLogTag = 1ull << 36,
  kFilter = 1ull << 37,

  kProxies = kDefaults | kFrontend | kListen | kBackend,
  kFrontends = kDefaults | kFrontend | kListen,
  kBackends = kDefaults | kListen | kBackend,
};

}  // namespace weir::haproxy
