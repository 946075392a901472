#pragma once
// TLS towards servers: which names are sent and verified, and the sessions that the next connection resumes.
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/str.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace weir::net {

class TlsIdentity;

// How a connection to a server speaks TLS; without a context it does not.
struct TlsTo {
  ssl_ctx_st* context = nullptr;
  Str name;  // a host name or an address
  bool send = false;   // by SNI, where it is a host name (RFC 6066 3)
  bool check = false;  // the certificate must be this name's, where the context verifies
  const TlsIdentity* identity = nullptr;  // shown in place of the context's own; looked at when a session is made
  uint64_t identity_number = 0;  // its TlsIdentity::number()
};

// A new session for it; null when there is no memory.
ssl_st* make_tls_session(const TlsTo& to);
// What tells idle connections apart as far as TLS goes: the current context, the certificate that is shown and, if `names`, what is
// sent and checked. Equal for those that may stand in for each other, and for nobody else's by anybody's choice of names. 0: no TLS.
uint64_t tls_kind(const TlsTo& to, bool names);
// The reason why a handshake failed, where it is the certificate; lives for ever. Empty: it was something else.
Str certificate_error(const ssl_st* ssl);

// The last session of each server, context and names. One for each loop; no lock.
class TlsSessions {
 public:
  TlsSessions();
  ~TlsSessions();
  TlsSessions(const TlsSessions&) = delete;
  TlsSessions& operator=(const TlsSessions&) = delete;

  // Contexts whose sessions are to be resumed, once when they are made.
  static void keep_of(ssl_ctx_st* context);
  // Has the handshake resume what is kept for that server, and keeps what the server gives out for the next one.
  void resume(ssl_st* ssl, uint32_t server);
  // The connection moved here, or leaves this loop.
  void follow(ssl_st* ssl, uint32_t server);
  static void leave(ssl_st* ssl);
  // Called by OpenSSL; true when the session was taken over.
  bool keep(ssl_st* ssl, ssl_session_st* session);

 private:
  struct Free {
    void operator()(ssl_session_st* session) const;
  };
  static std::string key_of(ssl_st* ssl, uint32_t server);

  static constexpr size_t kMost = 4096;
  std::unordered_map<std::string, std::unique_ptr<ssl_session_st, Free>> sessions_;
};

}  // namespace weir::net
