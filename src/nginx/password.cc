// See nginx/password.h.
#include "nginx/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace weir::nginx {
namespace {

constexpr Str kApr1 = "$apr1$";

bool equal(Str a, Str b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string digest(const EVP_MD* type, std::initializer_list<Str> parts) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_MD_CTX* c = EVP_MD_CTX_new();
  EVP_DigestInit_ex(c, type, nullptr);
  for (Str p : parts) EVP_DigestUpdate(c, p.data(), p.size());
  EVP_DigestFinal_ex(c, out, &size);
  EVP_MD_CTX_free(c);
  return {reinterpret_cast<char*>(out), size};
}

// Empty when it is not base64.
std::string decode_base64(Str s) {
  std::string padded(s);
  while (padded.size() % 4) padded += '=';
  std::string out(padded.size(), 0);
  int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (n < 0) return {};
  for (size_t i = padded.size(); i > 0 && padded[i - 1] == '='; i--) n--;
  out.resize(static_cast<size_t>(std::max(n, 0)));
  return out;
}

void append64(std::string& out, unsigned value, int count) {
  static constexpr char kDigits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (; count > 0; count--, value >>= 6) out += kDigits[value & 63];
}

// Poul-Henning Kamp's MD5 crypt with Apache's magic word.
std::string apr1(Str password, Str salt) {
  const EVP_MD* md5 = EVP_md5();
  std::string mixed = digest(md5, {password, salt, password});
  std::string text;
  text.append(password).append(kApr1).append(salt);
  for (size_t left = password.size(); left > 0; left -= std::min<size_t>(left, 16))
    text.append(mixed, 0, std::min<size_t>(left, 16));
  for (size_t bits = password.size(); bits; bits >>= 1) text += bits & 1 ? '\0' : password[0];
  std::string now = digest(md5, {text});
  for (int i = 0; i < 1000; i++)
    now = digest(md5, {i & 1 ? password : Str(now), i % 3 ? salt : Str{}, i % 7 ? password : Str{},
                       i & 1 ? Str(now) : password});
  auto b = [&](int i) { return static_cast<unsigned>(static_cast<unsigned char>(now[static_cast<size_t>(i)])); };
  std::string out;
  out.append(kApr1).append(salt) += '$';
  for (int i = 0; i < 5; i++) append64(out, b(i) << 16 | b(i + 6) << 8 | b(i == 4 ? 5 : i + 12), 4);
  append64(out, b(11), 2);
  return out;
}

bool matches_apr1(Str password, Str stored) {
  Str rest = stored.substr(kApr1.size());
  return equal(apr1(password, rest.substr(0, std::min<size_t>(rest.find('$'), 8))), stored);
}

bool matches_sha(Str password, Str encoded, bool salted) {
  std::string decoded = decode_base64(encoded);
  if (decoded.size() < 20 || (!salted && decoded.size() != 20)) return false;
  return equal(digest(EVP_sha1(), {password, Str(decoded).substr(20)}), Str(decoded).substr(0, 20));
}

bool matches_crypt(Str password, Str stored) {
  auto data = std::make_unique<crypt_data>();
  std::string salt(stored);
  const char* made = crypt_r(std::string(password).c_str(), salt.c_str(), data.get());
  return made && made[0] != '*' && equal(made, stored);
}

}  // namespace

bool password_matches(Str password, Str stored) {
  password = password.substr(0, password.find('\0'));
  if (stored.starts_with(kApr1)) return matches_apr1(password, stored);
  if (stored.starts_with("{PLAIN}")) return equal(password, stored.substr(7));
  if (stored.starts_with("{SSHA}")) return matches_sha(password, stored.substr(6), true);
  if (stored.starts_with("{SHA}")) return matches_sha(password, stored.substr(5), false);
  return matches_crypt(password, stored);
}

}  // namespace weir::nginx
