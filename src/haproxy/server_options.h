#pragma once
// Options of `server` lines, as collected; `default-server` fills one that later lines start from.
#include <cstdint>

#include "base/arena.h"
#include "base/str.h"
#include "config/tree.h"
#include "haproxy/checks.h"
#include "model/model.h"
#include "net/cidr.h"

namespace weir::expr {
struct Expr;
}

namespace weir::haproxy {

// A word that names certificates.
struct Certificates {
  enum Kind : uint8_t { file, fallback, list };  // crt, default-crt, crt-list
  config::Word word;
  Kind kind = file;
};

struct TlsOptions {
  bool on = false;
  bool refused = false;      // `no-ssl`
  ArenaList<Certificates> certificates;
  bool elsewhere = false;    // certificates come from words that are not built yet
  config::Word ca_file;
  config::Word ca_verify_file;  // for verification only, not told to clients
  config::Word crl_file;
  config::Word verify;       // none, optional, required
  config::Word ignore_leaf;  // crt-ignore-err
  config::Word ignore_chain;  // ca-ignore-err
  config::Word ticket_keys;  // tls-ticket-keys
  Str ciphers;
  Str ciphersuites;
  Str curves;
  Str sigalgs;
  Str client_sigalgs;
  Str alpn;
  bool no_alpn = false;
  int min_version = 0;       // as OpenSSL numbers them; 0: the library's
  int max_version = 0;
  uint32_t off = 0;          // net::TlsProtocol bits
  bool tickets = true;
  bool prefer_client_ciphers = false;
  bool strict_sni = false;
  bool names_authorities = true;  // no-ca-names
  bool reuse = true;         // sessions with servers
};

struct LogFormat;
struct SourceConf;

// A field of the PROXY header, version 2, made for each connection; no format: it is empty.
struct ProxyTlv {
  uint8_t type = 0;
  const LogFormat* value = nullptr;
};

// See haproxy/server_load.cc; 0: not set.
struct LoadOptions {
  uint32_t minconn = 0;
  uint32_t maxqueue = 0;
  uint32_t slowstart = 0;  // ms
  bool strict_maxconn = false;
};

// See haproxy/resolvers.cc.
struct ResolveOptions {
  config::Word section;  // empty: none
  uint8_t prefer = 0;  // a family
  bool duplicates = false;
  ArenaList<net::Cidr> nets;
};

struct ServerOptions {
  bool added = false;                     // at run time
  int32_t weight = 1;
  bool backup = false;
  bool disabled = false;
  uint32_t maxconn = 0;
  LoadOptions load;
  ResolveOptions resolve;
  uint32_t pool_max_conn = UINT32_MAX;    // idle connections; UINT32_MAX: no limit
  uint32_t pool_purge_delay = 5000;
  bool datagram = false;                  // the address says udp@ or its like
  bool stream = false;                    // it says tcp@ or its like
  bool client_address = false;            // the address is that which the client went to
  bool client_port = false;               // so is the port, and so many behind it
  int32_t port_offset = 0;
  net::Addr socks4;                       // the proxy; AF_UNSPEC: none
  const SourceConf* source = nullptr;     // haproxy/source.h; null: the backend's
  Str redir;                              // GET and HEAD are redirected below it; empty: they are not
  config::Word pool_name;                 // pool-conn-name
  const expr::Expr* pool_name_from = nullptr;
  uint32_t pool_low = 0;                  // idle connections below which shards do not take from each other
  bool octet_count = false;               // log-proto
  uint32_t log_bufsize = 16384;
  bool fast_open = false;                 // tfo
  uint32_t user_timeout = 0;              // tcp-ut, ms; 0: the system's
  uint8_t send_proxy = 0;                 // PROXY protocol version, 0: none
  uint16_t proxy_fields = 0;              // ProxyField: what the PROXY header, version 2, carries
  ArenaList<ProxyTlv> proxy_tlvs;
  uint32_t max_reuse = 0;                 // 0: no limit
  bool end_on_down = false;               // on-marked-down shutdown-sessions
  bool end_backups_on_up = false;         // on-marked-up shutdown-backup-sessions
  Str cookie;
  bool non_stick = false;                 // stick rules do not store this server
  Str init_addr;
  config::Word proto;
  TlsOptions tls;
  bool tls_at_hand = false;              // its default-server has TLS: it may get that at run time
  config::Word sni;
  const expr::Expr* sni_from = nullptr;  // what `sni` says; null: Server::sni
  bool sni_auto = true;  // without `sni`, the Host field is the name
  Str verify_host;
  uint32_t id = 0;
  config::Where where;                    // its name
  config::Where id_where;
  uint32_t shard = 0;                     // of a peer; 0: all
  model::RingKey ring_key = model::RingKey::number;
  CheckOptions check;
};

}  // namespace weir::haproxy
