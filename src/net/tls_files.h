#pragma once
// Certificates and keys by the names that a configuration gives them: a file's; "data:" and the PEM text itself; for keys also
// "store:" and a URI that OpenSSL's stores know (ossl_store(7)). What was read is kept for all that name it, as long as the
// limits say (nginx's ssl_certificate_cache). Used on any thread.
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/tls_identity.h"

namespace weir::net {

class TlsFiles {
 public:
  struct Limits {
    size_t most = SIZE_MAX;  // 0: nothing is kept
    int64_t inactive_s = INT64_MAX;  // nobody has asked for it so long: it goes
    int64_t valid_s = INT64_MAX;  // after which it is looked whether the file has changed
  };
  struct Wanted {
    std::string certificate;
    std::string key;
    const std::vector<std::string>* passwords = nullptr;  // tried in turn on encrypted keys, which are not kept
  };
  TlsFiles() = default;
  explicit TlsFiles(const Limits& limits) : limits_(limits) {}

  // Of what is kept; null: get() has to look at files. `now_s`: a clock in seconds.
  std::shared_ptr<const TlsIdentity> find(const Wanted& wanted, int64_t now_s);
  // What is wrong with the files; empty: nothing.
  struct Faults {
    std::string certificate;
    std::string key;
    std::string pair;  // both can be read and do not belong together
    bool wants_phrase = false;  // for the key
  };
  // Reads what is not kept, which may stall. Null with the reasons in `faults`, or the first one in `problem`.
  std::shared_ptr<const TlsIdentity> get(const Wanted& wanted, int64_t now_s, Faults& faults);
  std::shared_ptr<const TlsIdentity> get(const Wanted& wanted, int64_t now_s, std::string& problem);
  // expired_on() of the first certificate under that name.
  std::string expired_on(const std::string& certificate);

 private:
  struct Part;
  using PartPtr = std::shared_ptr<const Part>;
  struct Stamp {
    uint64_t device = 0, number = 0;
    int64_t changed_ns = 0, size = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Kept {
    std::string name;
    PartPtr part;
    int64_t created_s, accessed_s;
    Stamp stamp;
  };
  static Stamp stamp_of(const std::string& path);
  PartPtr kept(const std::string& name, int64_t now_s, const Stamp* stamp);
  void keep(const std::string& name, PartPtr part, int64_t now_s, const Stamp& stamp);
  void drop(const std::string& name);
  PartPtr part(bool key, const Wanted& wanted, int64_t now_s, Faults& faults);

  const Limits limits_;
  std::mutex mutex_;
  std::list<Kept> order_;  // the one that was asked for last stands first
  std::unordered_map<std::string, std::list<Kept>::iterator> by_name_;
};

// The day that a certificate's time was over on, "2026-01-31"; empty: it is not over.
std::string expired_on(const x509_st* certificate);
// Whether it is the name of a file.
bool is_tls_file(Str name);
// The pass phrases of a file, one a line; OpenSSL would ask the terminal. Empty with the reason in `problem`.
std::vector<std::string> read_passwords(const std::string& path, std::string& problem);
// The reason of the last failure: the system's where it has one ("No such file or directory"), else OpenSSL's. Forgets it.
std::string openssl_error();

}  // namespace weir::net
