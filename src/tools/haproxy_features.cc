// See tools/haproxy_features.h. A feature that hangs on configuration words counts as built when the word that stands
// for it has a row that binds it, so the list cannot promise more than there is.
#include "tools/haproxy_features.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include <algorithm>
#include <array>

#include "config/lexer.h"
#include "haproxy/context.h"
#include "haproxy/haproxy.h"
#include "tools/load.h"
#include "tools/version.h"

namespace weir::tools {
namespace {

namespace hap = haproxy;

bool always() {
  return true;
}
bool never() {
  return false;
}

bool bound(Str name, config::ContextMask context) {
  const auto& rows = hap::index().rows();
  return std::any_of(rows.begin(), rows.end(), [&](const config::Row* row) {
    return row->name == name && (row->contexts & context) && row->bind && row->no_effect.empty();
  });
}

// Numbers of a version in the order in which they count: a.b.c.d, then development, candidate or release with its
// number, then the commit.
using Version = std::array<int64_t, 7>;
constexpr int64_t kDevelopment = 1, kCandidate = 2, kRelease = 3;

int64_t take_number(Str& s) {
  int64_t n = 0;
  while (!s.empty() && is_digit(s.front()) && n < 1000000000) {
    n = n * 10 + (s.front() - '0');
    s.remove_prefix(1);
  }
  return n;
}

bool take_tag(Str& s, Version& v) {
  for (auto [word, value] : {std::pair<Str, int64_t>{"dev", kDevelopment}, {"rc", kCandidate}, {"pre", kCandidate}}) {
    if (!s.starts_with(word)) continue;
    s.remove_prefix(word.size());
    v[4] = value;
    v[5] = take_number(s);
    return true;
  }
  return false;
}

std::optional<Version> parse_version(Str s) {
  Version v{};
  v[4] = kRelease;
  if (s.empty()) return std::nullopt;
  for (size_t i = 0; i < 4; i++) {
    v[i] = take_number(s);
    if (s.empty()) return v;
    char c = s.front();
    s.remove_prefix(1);
    if (c == '-') break;
    if (c != '.' || i == 3) return std::nullopt;
  }
  if (take_tag(s, v)) {
    if (s.empty()) return v;
    if (s.front() != '-') return std::nullopt;
    s.remove_prefix(1);
  }
  if (size_t dash = s.rfind('-'); dash != Str::npos) s.remove_prefix(dash + 1);
  if (s.empty()) return std::nullopt;
  int64_t commit = take_number(s);
  v[6] = s.empty() ? commit : 0;
  return v;
}

// OpenSSL's 0xMNNFFPPS with S = 15 for a release.
std::optional<uint64_t> parse_openssl(Str s) {
  uint64_t part[3] = {};
  for (size_t i = 0; i < 3; i++) {
    if (s.empty() || !is_digit(s.front())) return std::nullopt;
    part[i] = static_cast<uint64_t>(take_number(s)) & 0xff;
    if (i < 2) {
      if (!s.starts_with('.')) return std::nullopt;
      s.remove_prefix(1);
    }
  }
  uint64_t patch = 0, status = 15;
  // Before version 3 the third number is a fix and a letter the patch; since then it is the patch.
  if (!s.empty() && s.front() >= 'a' && s.front() <= 'z') {
    patch = static_cast<uint64_t>(s.front() - 'a') + 1;
    s.remove_prefix(1);
  }
  if (s.starts_with("-beta")) {
    s.remove_prefix(5);
    status = static_cast<uint64_t>(take_number(s)) & 15;
  } else if (s.starts_with("-")) {
    status = 0;
    s = {};
  }
  if (!s.empty()) return std::nullopt;
  if (part[0] >= 3) return part[0] << 28 | part[1] << 20 | part[2] << 4 | (status == 15 ? 0 : status);
  return part[0] << 28 | part[1] << 20 | part[2] << 12 | patch << 4 | status;
}

template <class T>
int compare(const T& a, const T& b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

const std::vector<Feature>& haproxy_features() {
  static const std::vector<Feature> features = {
      {"51DEGREES", never},
      {"ACCEPT4", always},
      {"BACKTRACE", never},
      {"CLOSEFROM", never},
      {"CPU_AFFINITY", [] { return bound("cpu-map", hap::kGlobal); }},
      {"CRYPT_H", [] { return bound("user", hap::kUserlist); }},
      {"DEVICEATLAS", never},
      {"DL", always},
      {"ECH", never},
      {"ENGINE", never},
      {"EPOLL", always},
      {"EVPORTS", never},
      {"FCGI", [] { return bound("docroot", hap::kFcgiApp); }},
      {"GETADDRINFO", always},
      {"H2", [] { return bound("alpn", hap::kBindOption) && bound("tune.h2.max-concurrent-streams", hap::kGlobal); }},
      {"KQUEUE", never},
      {"KTLS", never},
      {"LIBATOMIC", never},
      {"LIBCRYPT", [] { return bound("user", hap::kUserlist); }},
      {"LINUX_CAP", [] { return bound("setcap", hap::kGlobal); }},
      {"LINUX_SPLICE", [] { return bound("option splice-auto", hap::kProxies); }},
      {"LINUX_TPROXY", [] { return bound("transparent", hap::kBindOption); }},
      {"LUA", [] { return bound("lua-load", hap::kGlobal); }},
      {"MATH", always},
      {"MEMORY_PROFILING", never},
      {"NETFILTER", never},
      {"NS", [] { return bound("namespace", hap::kBindOption); }},
      {"OBSOLETE_LINKER", never},
      {"OPENSSL", [] { return bound("ssl", hap::kBindOption); }},
      {"OPENSSL_AWSLC", never},
      {"OPENSSL_WOLFSSL", never},
      {"PCRE", never},
      {"PCRE2", always},
      {"PCRE2_JIT", always},
      {"PCRE_JIT", never},
      {"POLL", never},
      {"PRCTL", always},
      {"PROCCTL", never},
      {"PROMEX", never},
      {"PTHREAD_EMULATION", never},
      {"QUIC", never},
      {"QUIC_OPENSSL_COMPAT", never},
      {"RT", always},
      {"SHM_OPEN", never},
      {"SLZ", never},
      {"SPOE", [] { return bound("filter spoe", hap::kProxies); }},
      {"SSL", [] { return bound("ssl", hap::kBindOption); }},
      {"STATIC_PCRE", never},
      {"STATIC_PCRE2", never},
      {"TFO", [] { return bound("tfo", hap::kBindOption); }},
      {"THREAD", always},
      {"THREAD_DUMP", never},
      {"TPROXY", [] { return bound("transparent", hap::kBindOption); }},
      {"TRACE", never},
      {"WURFL", never},
      {"ZLIB", [] { return bound("compression algo", hap::kProxies); }},
  };
  return features;
}

bool haproxy_has_feature(Str name) {
  const auto& all = haproxy_features();
  return std::any_of(all.begin(), all.end(), [&](const Feature& f) { return f.name == name && f.built(); });
}

bool haproxy_enabled(Str option) {
  return option == "EPOLL" || option == "GETADDRINFO" || option == "REUSEPORT" ||
         (option == "SPLICE" && haproxy_has_feature("LINUX_SPLICE")) || option == "FAST-FORWARD";
}

std::optional<int> compare_haproxy_version(Str version) {
  auto other = parse_version(version);
  if (!other) return std::nullopt;
  return compare(*other, *parse_version(kHaproxyVersion));
}

std::optional<int> compare_openssl_version(Str version) {
  auto other = parse_openssl(version);
  if (!other) return std::nullopt;
  return compare<uint64_t>(*other, OPENSSL_VERSION_NUMBER);
}

config::Predicates haproxy_predicates() {
  config::Predicates p;
  p.feature = haproxy_has_feature;
  p.enabled = haproxy_enabled;
  // As in HAProxy, a version that cannot be read counts as an older one.
  p.version_atleast = [](Str v) { return compare_haproxy_version(v).value_or(-1) <= 0; };
  p.version_before = [](Str v) { return compare_haproxy_version(v).value_or(-1) > 0; };
  p.openssl_version_atleast = [](Str v) { return compare_openssl_version(v).value_or(1) <= 0; };
  p.openssl_version_before = [](Str v) { return compare_openssl_version(v).value_or(-1) > 0; };
  p.ssllib_name_startswith = [](Str name) { return Str(OpenSSL_version(OPENSSL_VERSION)).starts_with(name); };
  p.awslc_api_atleast = p.awslc_api_before = [](Str) { return false; };
  return p;
}

}  // namespace weir::tools
