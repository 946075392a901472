#pragma once
// Certificates by the name that they were configured under: read once however often they are named, and replaced while
// connections go on (HAProxy's management.txt, `set ssl cert`, `add ssl crt-list`). Filled on the configuration thread, changed
// on the control thread; handshakes see it through TlsNames only. One for each configuration; freed with it.
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

namespace weir::net {

struct TlsListener;

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
    bool fixed = false;  // shown to servers as well, whose contexts stay
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

  // Nobody shows that line any more.
  void drop(const TlsList& list, const TlsList::Line& line);

  TlsListener& add_listener(bool strict);
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

  // Makes the context for that identity; null with the reason in `problem`.
  std::unique_ptr<ssl_ctx_st, Free> make(const std::shared_ptr<const TlsIdentity>& identity,
                                         std::string& problem) const;
};

// The certificates of the listeners that share one line.
struct TlsListener {
  explicit TlsListener(bool strict) : names(strict) {}
  TlsNames names;
  std::vector<TlsEntry> entries;  // the first one is a fallback

  // Lets handshakes see them.
  void publish();
};

}  // namespace weir::net
