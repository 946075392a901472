// What the sources include of the libraries most often. The build parses it once a variant and hands it to every file, which
// saves a quarter of its time; a file still includes what it uses, and `make lint` compiles it without this one.
#ifndef WEIR_PRECOMPILED_H
#define WEIR_PRECOMPILED_H

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <uv.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#endif
