// Checksums, hashes and keyed digests.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fmt/format.h>

#include <string>

#include "expr/encode.h"
#include "expr/hash.h"
#include "expr/tables.h"
#include "expr/variables.h"

namespace weir::expr {
namespace {

template <uint32_t (*hash)(Str)>
bool hash32(const Ctx&, const Arg* args, Value& v) {
  uint32_t h = hash(v.str);
  v = Value::of(int64_t{args[0].number ? avalanche(h) : h});
  return true;
}
bool xxh32(const Ctx&, const Arg* args, Value& v) {
  v = Value::of(int64_t{hash_xxh32(v.str, static_cast<uint32_t>(args[0].number))});
  return true;
}
template <uint64_t (*hash)(Str, uint64_t)>
bool hash64(const Ctx&, const Arg* args, Value& v) {
  v = Value::of(static_cast<int64_t>(hash(v.str, static_cast<uint64_t>(args[0].number))));
  return true;
}

// One digest context per thread, so that a digest allocates nothing.
struct DigestContext {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  ~DigestContext() { EVP_MD_CTX_free(ctx); }
};

bool digest_with(const Ctx& ctx, const EVP_MD* md, Value& v) {
  thread_local DigestContext local;
  unsigned size = 0;
  auto* out = reinterpret_cast<unsigned char*>(ctx.arena->alloc_chars(EVP_MAX_MD_SIZE));
  bool good = EVP_DigestInit_ex(local.ctx, md, nullptr) && EVP_DigestUpdate(local.ctx, v.str.data(), v.str.size()) &&
              EVP_DigestFinal_ex(local.ctx, out, &size);
  if (!good) return false;
  v = Value::of_binary({reinterpret_cast<char*>(out), size});
  return true;
}

bool sha1(const Ctx& ctx, const Arg*, Value& v) {
  return digest_with(ctx, EVP_sha1(), v);
}
bool digest(const Ctx& ctx, const Arg* args, Value& v) {
  return digest_with(ctx, static_cast<const EVP_MD*>(args[0].object), v);
}
std::string check_sha2(Arg* args, int, Arena&) {
  switch (args[0].present ? args[0].number : 256) {
    case 224: args[0].object = EVP_sha224(); break;
    case 256: args[0].object = EVP_sha256(); break;
    case 384: args[0].object = EVP_sha384(); break;
    case 512: args[0].object = EVP_sha512(); break;
    default: return fmt::format("Unsupported number of bits: '{}'", args[0].number);
  }
  return {};
}
std::string check_digest(Arg* args, int, Arena&) {
  args[0].object = EVP_get_digestbyname(std::string(args[0].str).c_str());
  return args[0].object ? std::string{} : fmt::format("Digest method '{}' is not supported", args[0].str);
}

// The key is base64, written in the configuration or found in a variable.
bool hmac(const Ctx& ctx, const Arg* args, Value& v) {
  Str key = args[1].str;
  if (args[1].object) {
    Value found;
    if (!get_variable(ctx, *static_cast<const Variable*>(args[1].object), found)) return false;
    if (!cast(found, Type::string, *ctx.arena) || !decode_base64(found.str, false, *ctx.arena, key)) return false;
  }
  unsigned size = 0;
  auto* out = reinterpret_cast<unsigned char*>(ctx.arena->alloc_chars(EVP_MAX_MD_SIZE));
  if (!HMAC(static_cast<const EVP_MD*>(args[0].object), key.data(), static_cast<int>(key.size()),
            reinterpret_cast<const unsigned char*>(v.str.data()), v.str.size(), out, &size))
    return false;
  v = Value::of_binary({reinterpret_cast<char*>(out), size});
  return true;
}
std::string check_hmac(Arg* args, int count, Arena& arena) {
  if (std::string error = check_digest(args, count, arena); !error.empty()) return error;
  std::string error;
  args[1].object = intern_variable(args[1].str, error);
  Str key;
  if (args[1].object) return {};
  if (!decode_base64(args[1].str, false, arena, key)) return "failed to parse the key: neither base64 nor a variable";
  args[1].str = key;
  return {};
}

constexpr Type kInt = Type::integer;
constexpr Type kBytes = Type::binary;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"crc32", 0, 1, kBytes, kInt, hash32<hash_crc32>, nullptr, "CRC-32; with argument 1 spread over all bits", "i"},
    {"crc32c", 0, 1, kBytes, kInt, hash32<hash_crc32c>, nullptr, "CRC-32C; with argument 1 spread over all bits", "i"},
    {"digest", 1, 1, kBytes, kBytes, digest, check_digest, "a message digest by its OpenSSL name"},
    {"djb2", 0, 1, kBytes, kInt, hash32<hash_djb2>, nullptr, "the DJB2 hash; with argument 1 spread over all bits", "i"},
    {"hmac", 2, 2, kBytes, kBytes, hmac, check_hmac, "an HMAC with a digest and a base64 key or a variable"},
    {"sdbm", 0, 1, kBytes, kInt, hash32<hash_sdbm>, nullptr, "the SDBM hash; with argument 1 spread over all bits", "i"},
    {"sha1", 0, 0, kBytes, kBytes, sha1, nullptr, "the SHA-1 digest"},
    {"sha2", 0, 1, kBytes, kBytes, digest, check_sha2, "a SHA-2 digest of 224, 256, 384 or 512 bits", "i"},
    {"wt6", 0, 1, kBytes, kInt, hash32<hash_wt6>, nullptr, "the WT6 hash; with argument 1 spread over all bits", "i"},
    {"xxh3", 0, 1, kBytes, kInt, hash64<hash_xxh3>, nullptr, "XXH3, 64 bits, with a seed", "i"},
    {"xxh32", 0, 1, kBytes, kInt, xxh32, nullptr, "XXH32 with a seed", "i"},
    {"xxh64", 0, 1, kBytes, kInt, hash64<hash_xxh64>, nullptr, "XXH64 with a seed", "i"},
};
// clang-format on

}  // namespace

ConvertTable digest_converters() {
  return kTable;
}

}  // namespace weir::expr
