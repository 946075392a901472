#pragma once
// What is wrong with the settings of a TLS context: all of it at once, each with the setting that it is about.
#include <cstdint>
#include <string>
#include <vector>

#include "base/str.h"

namespace weir::net {

// Settings of TlsOptions and TlsServerOptions that making a context can fail of.
enum class TlsPart : uint8_t {
  certificate,
  key,
  passwords,
  authorities,
  more_authorities,
  client_authorities,
  revoked,
  ciphers,  // and suites of TLS 1.3
  curves,
  sigalgs,
  client_sigalgs,
  dh_params,
  stapled,
  command,
  count_,
};

struct TlsProblem {
  TlsPart part;
  size_t index;  // of the pair or the command
  std::string text;
};
using TlsProblems = std::vector<TlsProblem>;

// What to do about it.
Str remedy_of(TlsPart part);

}  // namespace weir::net
