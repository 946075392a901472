#pragma once
// Process-wide things of a HAProxy configuration: the `global` section, and what all sections share. Lives in the model's
// arena (Model::haproxy points to it).
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "expr/args.h"
#include "expr/pattern.h"
#include "haproxy/log_sections.h"
#include "haproxy/proxy.h"
#include "haproxy/server_options.h"
#include "net/tls_store.h"

namespace weir::haproxy {

// One `stats socket` line.
struct RuntimeSocketConf {
  std::string address;  // as written, one of a list
  std::string level = "operator";  // user, operator, admin
  int mode = -1;
  int uid = -1;
  int gid = -1;
  bool expose_fd = false;
  Str severity = "none";  // none, number, string
  bool v6only = false;
  int backlog = 0;
  Str interface;
  net::SocketOptions socket;
  config::Where where;
};

struct LuaFile {
  std::vector<std::string> words;  // file and arguments
  bool per_thread = false;
  config::Where where;
};

struct HttpErrors {
  Str name;
  ArenaList<Page*> pages;
};

struct Resolvers;
struct PeersSection;
struct UserList {
  struct User {
    Str name;
    Str password;
    bool hashed = true;
    std::vector<Str> groups;
  };
  struct Group {
    Str name;
    std::vector<Str> users;
  };
  Str name;
  std::vector<User> users;
  std::vector<Group> groups;
};

// What is looked for beside a certificate's file (ssl-load-extra-files).
enum ExtraFiles : uint8_t { kBundles = 1, kSctl = 2, kOcsp = 4, kIssuers = 8, kKeys = 16, kAllFiles = 31 };

struct Global {
  std::vector<RuntimeSocketConf> sockets;
  uint32_t socket_timeout_ms = 10000;
  uint32_t socket_maxconn = 10;
  uint32_t socket_max_payload = 128 * 1024;
  ArenaList<LogTarget*> logs;
  Str log_tag = "haproxy";
  Str log_hostname;  // log-send-hostname
  bool log_hostname_on = false;
  std::vector<LuaFile> lua_files;
  std::vector<std::string> lua_path;  // lua-prepend-path, in order
  std::vector<std::string> lua_cpath;
  Str ca_base;
  Str crt_base;
  Str key_base;
  uint8_t extra_files = kAllFiles;
  bool extra_files_replace_crt = false;  // ssl-load-extra-del-ext
  uint32_t tls_cache_blocks = 20000;  // tune.ssl.cachesize, of 200 bytes; 0: no cache
  uint32_t tls_lifetime_s = 300;
  uint32_t tls_capture = 0;  // tune.ssl.capture-buffer-size
  Str dh_params;
  net::TicketKeys* shared_keys = nullptr;
  net::TlsSessionCache* tls_sessions = nullptr;
  Str node;
  Str description;
  uint32_t tune_bufsize = 16384;
  uint32_t tune_max_headers = 101;
  uint32_t tune_logged_line = 0;  // tune.http.logurilen: so much of a request's line is logged; 0: all of it
  net::SocketOptions client_socket;  // buffers; the other fields are nothing that is said here
  net::SocketOptions server_socket;
  uint32_t maxconn = 0;
  uint32_t max_conn_rate = 0;  // a second; 0: no limit, also in the next three
  uint32_t max_session_rate = 0;
  uint32_t max_tls_rate = 0;
  uint32_t max_compression_rate = 0;  // bytes
  TlsOptions bind_tls;  // ssl-default-bind-…
  TlsOptions server_tls;  // ssl-default-server-…
  bool server_verify_none = false;
  int unix_mode = -1;  // unix-bind
  int unix_uid = -1;
  int unix_gid = -1;
  std::string unix_prefix;
  std::string path_origin;  // default-path
  bool quiet = false;
  bool zero_warning = false;  // a warning refuses the file
  uint32_t thread_limit = 0;  // thread-hard-limit; 0: none
  bool threads_given = false;
  bool processes_given = false;  // by nbproc: cpu-map counts processes then
  Str server_state_base;
  Str server_state_file;
  uint32_t spread_checks = 0;  // percent
  uint32_t max_spread_checks = 0;  // ms; 0: no limit
  config::Where needs_network_rights;  // a word that only root, or who has a capability, may do; no source: none
  uint32_t stick_counters = 3;
  bool external_check = false;
  bool external_check_keeps_env = false;

  std::vector<Proxy*> proxies;  // in the order of the file, without defaults; by add_proxy
  std::unordered_map<Str, Proxy*> fronts, backs;  // the first of each name
  std::vector<Proxy*> all_defaults;
  std::vector<HttpErrors*> http_errors;
  std::vector<UserList*> user_lists;
  std::vector<HealthcheckSection*> healthchecks;
  std::vector<Resolvers*> resolvers;
  std::vector<PeersSection*> peers;
  std::vector<std::pair<config::Word, sticky::StickTable*>>
      shared_tables;  // with the peers of that name, until it is resolved
  Str local_peer;  // `localpeer`; empty: as the environment says
  std::vector<std::pair<config::Word, const Resolvers**>> wanted_resolvers;  // by rules, until it is resolved
  std::vector<Page*> named_pages;  // `errorfiles NAME`, until it is resolved
  std::vector<LogTarget*> targets;  // all of them, by index
  LogSections log_sections;
  expr::References references;
  expr::PatternSources patterns;
  net::TlsStore certificates;

  void add_proxy(Proxy* proxy);
  Proxy* find_proxy(Str name, bool front) const;
  const HttpErrors* find_errors(Str name) const;
};

}  // namespace weir::haproxy
