#pragma once
// What weir answers when a haproxy.cfg or a program asks which HAProxy this is: versions, build features, options. Used
// by -vv, -cc, `.if`, and the variables that a configuration sees.
#include <optional>
#include <string>
#include <vector>

#include "base/str.h"

namespace weir::tools {

struct Feature {
  Str name;
  bool (*built)();
};

const std::vector<Feature>& haproxy_features();
bool haproxy_has_feature(Str name);
bool haproxy_enabled(Str option);

// Negative when HAProxy's version that weir stands for is newer than `version`, positive when it is older; nothing when
// `version` cannot be read.
std::optional<int> compare_haproxy_version(Str version);
// Likewise for the OpenSSL that weir was built with: "1.1.1", "3.0.0-beta1", "1.0.2k".
std::optional<int> compare_openssl_version(Str version);

}  // namespace weir::tools
