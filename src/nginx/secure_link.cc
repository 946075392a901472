// secure_link: links with a checksum and an expiry time (ngx_http_secure_link_module). $secure_link is "1" for a good one,
// "0" for an expired one, empty for a bad one; with secure_link_secret it is the link behind the checksum.
#include <openssl/evp.h>
#include <time.h>

#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;

struct SecureLinkConf {
  Setting<const Script*> link;
  Setting<const Script*> md5;
  Setting<Str> secret;
};

struct Digest {
  unsigned char bytes[16];
};

Digest md5(Str a, Str b = {}) {
  Digest d;
  EVP_MD_CTX* c = EVP_MD_CTX_new();
  EVP_DigestInit_ex(c, EVP_md5(), nullptr);
  EVP_DigestUpdate(c, a.data(), a.size());
  EVP_DigestUpdate(c, b.data(), b.size());
  EVP_DigestFinal_ex(c, d.bytes, nullptr);
  EVP_MD_CTX_free(c);
  return d;
}

int base64url_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

// Exactly 16 bytes from 22 digits, padding allowed.
bool decode_md5(Str text, Digest& out) {
  text = text.substr(0, text.find('='));
  if (text.size() != 22) return false;
  unsigned bits = 0;
  int have = 0;
  size_t n = 0;
  for (char c : text) {
    int v = base64url_digit(c);
    if (v < 0) return false;
    bits = bits << 6 | static_cast<unsigned>(v);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    if (n < 16) out.bytes[n++] = static_cast<unsigned char>(bits >> have);
  }
  return n == 16;
}

// "/prefix/hash/link": `link` when the hash is right.
bool old_link(const Request& r, Str secret, Value& out) {
  size_t first = r.uri.find('/', 1);
  size_t second = first == Str::npos ? Str::npos : r.uri.find('/', first + 1);
  if (second == Str::npos) return false;
  Str hash = r.uri.substr(first + 1, second - first - 1);
  Str link = r.uri.substr(second + 1);
  if (hash.size() != 32 || link.empty()) return false;
  Digest d = md5(link, secret);
  for (size_t i = 0; i < 32; i++) {
    unsigned digit = i % 2 ? d.bytes[i / 2] & 15u : d.bytes[i / 2] >> 4;
    if (lower(hash[i]) != "0123456789abcdef"[digit]) return false;
  }
  out = Value::of(link);
  return true;
}

bool fetch_link(const Ctx& ctx, const Arg*, Value& out) {
  const auto& conf = conf_of<SecureLinkConf>(*ctx.txn, kSecureLinkModule);
  if (!conf.secret.value.empty()) return old_link(of(*ctx.txn), conf.secret.value, out);
  if (!conf.link.set || !conf.md5.set) return false;
  Str value = conf.link.value->eval(*ctx.txn);
  size_t comma = value.find(',');
  int64_t expires = 0;
  if (comma != Str::npos) {
    auto n = parse_u64(value.substr(comma + 1));
    if (!n || *n == 0 || *n > INT64_MAX) return false;
    expires = static_cast<int64_t>(*n);
  }
  Digest told;
  if (!decode_md5(value.substr(0, comma), told)) return false;
  Digest right = md5(conf.md5.value->eval(*ctx.txn));
  if (CRYPTO_memcmp(told.bytes, right.bytes, sizeof told.bytes) != 0) return false;
  out = Value::of(expires && expires < time(nullptr) ? Str{"0"} : Str{"1"});
  return true;
}

bool fetch_expires(const Ctx& ctx, const Arg*, Value& out) {
  const auto& conf = conf_of<SecureLinkConf>(*ctx.txn, kSecureLinkModule);
  if (!conf.link.set || !conf.secret.value.empty()) return false;
  Str value = conf.link.value->eval(*ctx.txn);
  size_t comma = value.find(',');
  if (comma == Str::npos) return false;
  auto n = parse_u64(value.substr(comma + 1));
  if (!n || *n == 0) return false;
  out = Value::of(value.substr(comma + 1));
  return true;
}

// A level that checks links in one way does not inherit the other.
void merge(Scope& scope, void* child, const void* parent) {
  auto& c = *static_cast<SecureLinkConf*>(child);
  const auto& p = *static_cast<const SecureLinkConf*>(parent);
  if (c.secret.set) {
    const auto* block = static_cast<Location*>(scope.level)->directive;
    if (c.link.set || c.md5.set)
      refuse(scope, block ? block->where : config::Where{},
             "\"secure_link_secret\" cannot be mixed with \"secure_link\" and \"secure_link_md5\"");
    return;
  }
  merge_setting<Setting<const Script*>>(&c.link, &p.link);
  merge_setting<Setting<const Script*>>(&c.md5, &p.md5);
  if (!c.link.set && !c.md5.set) c.secret = p.secret;
}

const Row kTable[] = {
    {"secure_link",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_value,
     "expression",
     "the checksum of a link and when it expires: checksum[,seconds]",
     {},
     offsetof(SecureLinkConf, link)},
    {"secure_link_md5",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_value,
     "expression",
     "the text whose MD5 the checksum must be",
     {},
     offsetof(SecureLinkConf, md5)},
    {"secure_link_secret",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_str,
     "word",
     "secret for links of the form /prefix/hash/link",
     {},
     offsetof(SecureLinkConf, secret)},
};

const VariableDef kVariables[] = {
    {"secure_link", fetch_link},
    {"secure_link_expires", fetch_expires},
};

}  // namespace

const Module kSecureLinkModule{"secure_link", sizeof(SecureLinkConf), module_create<SecureLinkConf>, kTable, merge};
const std::span<const VariableDef> kSecureLinkVariables{kVariables};

}  // namespace weir::nginx
