#pragma once
// Certificates by the name that they were configured under: read once however often they are named, and replaced while
// connections go on (HAProxy's management.txt, `set ssl cert`, `add ssl crt-list`). Filled on the configuration thread, changed
// on the control thread; clients' handshakes see it through TlsNames, those with servers through net/tls_current.h. One for
// each configuration; freed with it.
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/tls_context.h"
#include "net/tls_identity.h"
#include "net/tls_names.h"
#include "net/tls_tickets.h"
#include "net/tls_trust.h"

namespace weir::net {

struct TlsListener;
struct TlsServerUse;

// A file, or a folder, that names certificates with settings and names; lines may be added and removed at run time.
struct TlsList {
  struct Line {
    std::string certificate;
    std::string rest;  // settings and names as written
    uint32_t number = 0;
  };
  std::string name;
  bool folder = false;
  std::vector<Line> lines;
  // Shows a new line's certificate on one of the listeners that use the list. False with the reason in `problem`.
  using Add = std::function<bool(const Line& line, std::string& problem)>;
  std::vector<Add> users;
};

class TlsStore {
 public:
  struct Certificate {
    std::string name;
    TlsTexts texts;
    std::shared_ptr<const TlsIdentity> identity;  // null: made at run time and not filled yet
  };
  struct Pending {
    std::string name;
    TlsTexts texts;
    std::shared_ptr<const TlsIdentity> identity;
  };

  Certificate* find(Str name);
  // In the order of their making; removed ones have no name.
  std::deque<Certificate>& all() { return certificates_; }
  // Reads the texts under that name, which is new. Null with the reason in `problem`.
  Certificate* add(Str name, TlsTexts texts, std::string& problem, std::string& warning);
  Certificate& add_empty(Str name);
  void remove(Certificate& certificate);
  // Everybody who shows it shows these from now on; after a failure nothing has changed.
  bool replace(Certificate& certificate, const Pending& by, std::string& problem);
  bool used(const Certificate& certificate) const;

  // --- authorities and revocation lists ---
  TlsTrustFiles trust;
  // Everybody who trusts the file trusts what is pending from now on; after a failure nothing has changed. `made`: so many
  // contexts were made.
  bool replace_trust(const TlsTrustFiles::Pending& by, size_t& made, std::string& problem);
  bool used_trust(Str file) const;

  // --- servers ---
  // The context is made of these and follows what is replaced, until the server is forgotten.
  void add_server(TlsServerUse use);
  void rename_server(Str from, Str to);
  void forget_server(Str name);
  const std::vector<TlsServerUse>& servers() const { return servers_; }

  // Nobody shows that line any more.
  void drop(const TlsList& list, const TlsList::Line& line);

  TlsListener& add_listener(bool strict, std::string front, std::string place);
  const std::deque<TlsListener>& listeners() const { return listeners_; }
  TlsList* find_list(Str name);
  TlsList& add_list(Str name);
  const std::deque<TlsList>& lists() const { return lists_; }

  std::vector<TicketFile*> ticket_files;  // in the order of their numbers
  std::optional<Pending> pending;  // what `set` has changed and `commit` has not

 private:
  std::deque<Certificate> certificates_;
  std::unordered_map<std::string, Certificate*> by_name_;
  std::deque<TlsListener> listeners_;
  std::deque<TlsList> lists_;
  std::vector<TlsServerUse> servers_;
};

// A context for connections to servers.
struct TlsServerUse {
  std::string name;  // the server's, for operators
  ssl_ctx_st* context = nullptr;  // as it is known to whoever connects; not owned
  TlsClientOptions options;  // without the certificate
  const TlsStore::Certificate* certificate = nullptr;
};

// One certificate with settings and names, as a listener shows it.
struct TlsEntry {
  struct Free {
    void operator()(ssl_ctx_st* context) const { free_tls(context); }
  };
  TlsStore::Certificate* certificate = nullptr;
  TlsServerOptions options;
  std::vector<std::string>
      filters;  // in place of the certificate's own names, as TlsNames::Entry has them; "*": the fallback
  bool fallback = false;
  const TlsList* list = nullptr;  // that it came from, and the line there
  uint32_t line = 0;
  std::unique_ptr<ssl_ctx_st, Free> context;

  // Makes the context for that identity; null with all that is wrong in `problems`.
  std::unique_ptr<ssl_ctx_st, Free> make(const std::shared_ptr<const TlsIdentity>& identity,
                                         TlsProblems& problems) const;
};

// The certificates of the listeners that share one line.
struct TlsListener {
  TlsListener(bool strict, std::string front_, std::string place_)
      : names(strict), front(std::move(front_)), place(std::move(place_)) {}
  TlsNames names;
  std::string front;  // the frontend's name
  std::string place;  // of the line: "haproxy.cfg:12"
  std::vector<TlsEntry> entries;  // the first one is a fallback

  // Lets handshakes see them.
  void publish();
};

}  // namespace weir::net
