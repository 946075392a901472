#pragma once
// Where an nginx directive may stand: the bits of config::Row::contexts in the nginx tables.
#include "config/table.h"

namespace weir::nginx {

using config::ContextMask;

enum Context : ContextMask {
  kMain = 1ull << 0,
  kEvents = 1ull << 1,
  kHttp = 1ull << 2,
  kServer = 1ull << 3,
  kLocation = 1ull << 4,
  kIfInServer = 1ull << 5,
  kIfInLocation = 1ull << 6,
  kLimitExcept = 1ull << 7,
  kUpstream = 1ull << 8,
  kTypes = 1ull << 9,
  kMap = 1ull << 10,
  kGeo = 1ull << 11,
  kSplitClients = 1ull << 12,
  kMatch = 1ull << 13,
  kCharsetMap = 1ull << 14,
  kStream = 1ull << 15,
  kStreamServer = 1ull << 16,
  kStreamUpstream = 1ull << 17,
  kStreamMap = 1ull << 18,
  kStreamGeo = 1ull << 19,
  kStreamSplitClients = 1ull << 20,
  kMail = 1ull << 21,
  kMailServer = 1ull << 22,
  kMgmt = 1ull << 23,
  kOtel = 1ull << 24,
  kAcme = 1ull << 25,

  kHttpServerLocation = kHttp | kServer | kLocation,
  kHttpEverywhere = kHttp | kServer | kLocation | kIfInLocation,
};

}  // namespace weir::nginx
