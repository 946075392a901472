// See haproxy/tls_files.h.
#include "haproxy/tls_files.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "net/tls_files.h"

namespace weir::haproxy {
namespace {

constexpr Str kBundle[] = {".rsa", ".ecdsa", ".dsa"};

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::vector<std::string> folder(const std::string& path) {
  std::error_code error;
  std::vector<std::string> files;
  for (auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    const bool side =
        name.ends_with(".key") || name.ends_with(".issuer") || name.ends_with(".ocsp") || name.ends_with(".sctl");
    if (!name.starts_with('.') && !side && entry.is_regular_file(error)) files.push_back(path + "/" + name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Reads `named`, or else what lies beside the certificate where that is looked for; nothing there is no failure.
bool read_side(const Global& global, ExtraFiles kind, const std::string& named, bool beside, const std::string& path,
               Str extension, std::string& text, std::string& problem) {
  if (!named.empty()) return read_text(named, text, problem);
  if (!beside || !(global.extra_files & kind)) return true;
  std::string base = path;
  if (global.extra_files_replace_crt && base.ends_with(".crt")) base.resize(base.size() - 4);
  base += extension;
  return !exists(base) || read_text(base, text, problem);
}

// A key that is named for itself takes the place of the certificate file's.
void drop_keys(std::string& pem) {
  constexpr Str kBegin = "-----BEGIN ", kKind = "PRIVATE KEY-----", kEnd = "-----END ";
  for (size_t at = 0; (at = pem.find(kBegin, at)) != std::string::npos;) {
    const size_t line = std::min(pem.find('\n', at), pem.size());
    const size_t end = pem.find(kEnd, line);
    if (!Str(pem).substr(at, line - at).ends_with(kKind) || end == std::string::npos) {
      at = line;
      continue;
    }
    pem.erase(at, std::min(pem.find('\n', end), pem.size()) - at);
  }
}

// HAProxy's ssl_store_load_locations_file(): of a folder, the files with these extensions.
std::string trust_text(const std::string& path) {
  std::string text, problem;
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    read_text(path, text, problem);
    return text;
  }
  std::vector<std::string> files;
  for (auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string(), extension = entry.path().extension().string();
    if (!name.starts_with('.') &&
        (extension == ".pem" || extension == ".crt" || extension == ".cer" || extension == ".crl"))
      files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    std::string one;
    if (read_text(file, one, problem)) text.append(one).append(1, '\n');
  }
  return text;
}

}  // namespace

std::string load_trust(Global& global, Str file, net::TlsTrustFiles::Kind kind) {
  net::TlsTrustFiles& trust = global.certificates.trust;
  if (trust.find(file)) return std::string(file);  // one that was made at run time is known by its bare name
  std::string name = file.starts_with('@') ? std::string(file) : based(global.ca_base, file);
  if (trust.find(name)) return name;
  std::string problem;
  if (auto content =
          net::TlsTrust::parse(name == "@system-ca" ? net::TlsTrust::system_text() : trust_text(name), problem))
    trust.add(name, kind, std::move(content));
  return name;
}

std::string based(Str base, Str name) {
  return name.starts_with('/') || name.starts_with('@') || base.empty() ? std::string(name)
                                                                        : fmt::format("{}/{}", base, name);
}

bool read_text(const std::string& path, std::string& text, std::string& problem) {
  std::ifstream file(path, std::ios::binary);
  if (file) text.assign(std::istreambuf_iterator<char>(file), {});
  if (file && !file.bad()) return true;
  problem = fmt::format("cannot read '{}': {}", path, strerror(errno));
  return false;
}

std::vector<std::string> certificate_files(const Global& global, std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return folder(path);
  }
  std::vector<std::string> files;
  if ((global.extra_files & kBundles) && !exists(path))
    for (Str extension : kBundle)
      if (exists(path + std::string(extension))) files.push_back(path + std::string(extension));
  if (files.empty()) files.push_back(path);
  return files;
}

net::TlsStore::Certificate* load_certificate(Global& global, const std::string& path, const SideFiles& named,
                                             std::vector<std::string>& faults, std::string& warning) {
  if (auto* known = global.certificates.find(path)) return known;
  net::TlsTexts texts;
  const std::string& file = named.certificate.empty() ? path : named.certificate;
  std::string why;
  if (!read_text(file, texts.pem, why))
    faults.push_back(fmt::format("unable to load certificate from file '{}': {}", file, strerror(errno)));
  if (!named.key.empty()) drop_keys(texts.pem);
  auto side = [&](ExtraFiles kind, const std::string& name, Str extension, std::string& text) {
    std::string problem;
    if (!read_side(global, kind, name, named.beside, path, extension, text, problem)) faults.push_back(problem);
  };
  side(kKeys, named.key, ".key", texts.key);
  side(kIssuers, named.issuer, ".issuer", texts.issuer);
  side(kOcsp, named.ocsp, ".ocsp", texts.ocsp);
  side(kSctl, named.sctl, ".sctl", texts.sctl);
  if (!faults.empty()) return nullptr;
  auto* made = global.certificates.add(path, std::move(texts), why, warning);
  if (!made)
    faults.push_back(why == "no private key" ? fmt::format("no private key in '{0}' and none in '{0}.key'", file)
                                             : fmt::format("unable to load certificate from file '{}': {}", file, why));
  if (!warning.empty()) warning = fmt::format("'{}': {}", file, warning);
  if (!made || !warning.empty()) return made;
  if (const std::string day = net::expired_on(made->identity->certificate()); !day.empty())
    warning = fmt::format("the certificate in '{}' expired on {}", file, day);
  return made;
}

}  // namespace weir::haproxy
