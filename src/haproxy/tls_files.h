#pragma once
// Certificates as HAProxy looks for them: a PEM file, what lies beside it under more extensions, bundles and folders
// (configuration.txt, `crt`, `ssl-load-extra-files`). Read on the configuration thread, before privileges drop.
#include <string>
#include <vector>

#include "config/table.h"
#include "haproxy/global.h"
#include "net/tls_store.h"

namespace weir::haproxy {

// Files that a line of a crt-list names; empty ones are looked for beside the certificate.
struct SideFiles {
  std::string certificate;  // in place of the name's own file
  std::string key;
  std::string issuer;
  std::string ocsp;
  std::string sctl;
  bool beside = true;  // false: they are not looked for
};

// The files that `path` stands for: those of a folder in alphabetic order, those of a bundle, or itself.
// A folder loses the slashes behind it: names made from it are those that `set ssl cert` is told.
std::vector<std::string> certificate_files(const Global& global, std::string& path);
// The certificate under that name, read now unless it was before. Null with the reasons in `faults`.
net::TlsStore::Certificate* load_certificate(Global& global, const std::string& path, const SideFiles& named,
                                             std::vector<std::string>& faults, std::string& warning);
// The name under which the store has what that file or folder of authorities or revocation lists says, read now unless it was
// before. One that cannot be read, or says nothing, is not there.
std::string load_trust(Global& global, Str file, net::TlsTrustFiles::Kind kind);
// The text of a file that must be there, else `problem`.
bool read_text(const std::string& path, std::string& text, std::string& problem);
// `name` below `base` unless it is absolute, or a store's ("@/site").
std::string based(Str base, Str name);

// The `crt-store` section and its words.
extern const config::Table kCrtStoreTable;

}  // namespace weir::haproxy
