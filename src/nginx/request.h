#pragma once
// nginx's view of a request: Transaction::extra under nginx listeners. Lives in the transaction's arena.
#include "nginx/host_and_port.h"
#include "nginx/module.h"
#include "proxy/transaction.h"

namespace weir::http {
struct GzipCounts;
}

namespace weir::nginx {

struct DynamicTarget;
struct Address;  // the servers of one listening address
struct StickyUse;
struct LateIdentity;

struct Request {
  const Address* address = nullptr;
  const ServerBlock* server = nullptr;
  const Location* location = nullptr;  // in charge; the server's level before one was found
  const Http* http = nullptr;
  Str uri;            // decoded and normalised path, changes with rewrite and internal redirects
  Str args;           // without '?'
  Str unparsed_uri;   // the target as received (path and query)
  Str host;           // lower case, without port; the server's first name when there was none
  Str method_name;    // request method, changed by error_page and X-Accel-Redirect
  bool internal = false;
  bool uri_changed = false;
  bool valid_location = true;  // uri still begins with the location's prefix: proxy_pass may replace it
  bool plain_uri = true;     // uri is unparsed_uri as it came: proxy_pass without URI sends that
  bool header_only = false;
  bool args_changed = false;
  bool over_tls = false;  // false too for plain text that came to a TLS port
  bool subrequest = false;
  bool background = false;
  uint64_t connection = 0;  // of a background subrequest: the number of the one that it came from
  bool error_page = false;   // an error page redirect is running: its status wins
  bool auth_done = false;
  uint8_t limit_req_status =
      0;   // LimitResult, of the root only: a request is counted once, redirects and subrequests included
  uint8_t limit_conn_status = 0;
  Fault told = Fault::none;  // the server's last failure that is in the error log
  uint8_t redirects = 0;     // internal redirects so far; at most 10
  uint8_t depth = 0;         // of subrequests; at most 50
  uint16_t error_status = 0; // status to answer with after an error_page redirect; 0: the handler's
  uint16_t access_index = 0;
  bool access_delayed = false;  // auth_delay is running
  uint16_t access_status = 0;
  uint64_t limit_rate = 0;
  uint64_t limit_rate_after = 0;
  bool limit_rate_set = false;

  const net::Addr* real_addr = nullptr;  // the client as a trusted proxy told it (realip); null: the connection's
  ArenaList<http::Header> answer_headers;  // go with the next answer that is made here: WWW-Authenticate and the like
  LateIdentity* late_certificate = nullptr;  // that its server is shown
  StickyUse* sticky = nullptr;  // of the group with `sticky` that was entered last
  Str alias_uri;  // what try_files found under a regular expression's alias: follows it while it is the URI
  Str proxy_uri;  // URI part of a proxy_pass with variables
  HostAndPort proxy_host;  // and its host
  bool proxy_tls = false;  // and whether it begins with https://
  DynamicTarget* target = nullptr;  // of such a proxy_pass, see nginx/proxy_dynamic.cc
  http::GzipCounts* gzip = nullptr;  // of an answer that is compressed
  Str redirect_to;  // the Location header of the answer that is being made
  Str www_authenticate;  // of an intercepted 401
  ArenaList<http::Header> server_headers;  // of an answer that one from here took the place of
  ArenaList<http::Header> kept_headers;  // that survive an X-Accel-Redirect

  // Captures of the last regular expression that matched.
  const char* capture_subject = nullptr;
  uint32_t capture_count = 0;  // pairs
  const size_t* captures = nullptr;
  Str capture(int n) const {
    if (n < 0 || static_cast<uint32_t>(n) >= capture_count) return {};
    size_t a = captures[2 * n], b = captures[2 * n + 1];
    return a == static_cast<size_t>(-1) || b < a ? Str{} : Str{capture_subject + a, b - a};
  }
};

inline Request& of(proxy::Transaction& txn) {
  return *static_cast<Request*>(txn.extra);
}
inline const Request& of(const proxy::Transaction& txn) {
  return *static_cast<const Request*>(txn.extra);
}
// The request that a client made, of this one or the one whose subrequest it is.
inline Request& root_of(proxy::Transaction& txn) {
  proxy::Transaction* root = &txn;
  while (root->parent) root = root->parent;
  return of(*root);
}
template <class T>
const T& conf_of(proxy::Transaction& txn, const Module& m) {
  return of(txn).location->of<T>(m);
}

// Matches and keeps the captures (and named captures' variables) for $1…$9. True on a match.
bool match(proxy::Transaction& txn, const expr::Regex& regex, Str subject);

// Sets a new path (rewrite, internal redirect): proxy_pass will send it instead of the original target.
void change_uri(proxy::Transaction& txn, Str uri);
bool has_error_page(proxy::Transaction& txn, uint16_t status);
// "404 Not Found" in nginx's wording.
Str fmt_status(proxy::Transaction& txn, uint16_t status);

// Answers with a status the nginx way: error_page, then the built-in page. For steps: `return finish_with(txn, 403);`.
proxy::Next finish_with(proxy::Transaction& txn, uint16_t status, Str why = {});
// Continues with another URI ("/path?args", or "@name"). The method becomes GET for error pages unless HEAD.
proxy::Next internal_redirect(proxy::Transaction& txn, proxy::Cursor& cursor, Str uri, Str args);
proxy::Next named_location(proxy::Transaction& txn, proxy::Cursor& cursor, Str name);
// Answers with a redirect and its page; `location` as the client gets it, made absolute when it is a path and the settings say so.
proxy::Next redirect(proxy::Transaction& txn, uint16_t status, Str location);
// Absolute Location value for a redirect to `uri`, by absolute_redirect, server_name_in_redirect, port_in_redirect.
Str absolute_location(proxy::Transaction& txn, Str uri);

// Decodes and normalises a path (ngx_http_parse_complex_uri): %XX, dot segments, slashes merged when asked. False: bad.
bool normalise_path(Arena& arena, Str raw, bool merge_slashes, Str& uri, Str& args);
// Escapes for use in a URI (ngx_escape_uri NGX_ESCAPE_URI) resp. in arguments.
Str escape_uri(Arena& arena, Str s);
Str escape_args(Arena& arena, Str s);

// Finds and enters the location for of(txn).uri. A step (see locate.cc).
proxy::Next find_location(proxy::Transaction& txn, proxy::Cursor& cursor, const void*);

}  // namespace weir::nginx
