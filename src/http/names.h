#pragma once
// Header names that something in weir asks for, as small integers. A name is looked up once, when it is parsed, by a switch
// on its length and bytes; afterwards a comparison is one byte. Names that are not here are Name::other and compare as text.
#include <cstdint>

#include "base/str.h"

namespace weir::http {

#define WEIR_HEADER_NAMES(X)                                \
  X(accept, "Accept")                                       \
  X(accept_charset, "Accept-Charset")                       \
  X(accept_encoding, "Accept-Encoding")                     \
  X(accept_language, "Accept-Language")                     \
  X(accept_ranges, "Accept-Ranges")                         \
  X(age, "Age")                                             \
  X(allow, "Allow")                                         \
  X(authorization, "Authorization")                         \
  X(cache_control, "Cache-Control")                         \
  X(connection, "Connection")                               \
  X(content_disposition, "Content-Disposition")             \
  X(content_encoding, "Content-Encoding")                   \
  X(content_language, "Content-Language")                   \
  X(content_length, "Content-Length")                       \
  X(content_location, "Content-Location")                   \
  X(content_range, "Content-Range")                         \
  X(content_type, "Content-Type")                           \
  X(cookie, "Cookie")                                       \
  X(date, "Date")                                           \
  X(depth, "Depth")                                         \
  X(destination, "Destination")                             \
  X(early_data, "Early-Data")                               \
  X(etag, "ETag")                                           \
  X(expect, "Expect")                                       \
  X(expires, "Expires")                                     \
  X(forwarded, "Forwarded")                                 \
  X(from, "From")                                           \
  X(host, "Host")                                           \
  X(http2_settings, "HTTP2-Settings")                       \
  X(if_match, "If-Match")                                   \
  X(if_modified_since, "If-Modified-Since")                 \
  X(if_none_match, "If-None-Match")                         \
  X(if_range, "If-Range")                                   \
  X(if_unmodified_since, "If-Unmodified-Since")             \
  X(keep_alive, "Keep-Alive")                               \
  X(last_modified, "Last-Modified")                         \
  X(link, "Link")                                           \
  X(location, "Location")                                   \
  X(max_forwards, "Max-Forwards")                           \
  X(origin, "Origin")                                       \
  X(overwrite, "Overwrite")                                 \
  X(pragma, "Pragma")                                       \
  X(proxy_authenticate, "Proxy-Authenticate")               \
  X(proxy_authorization, "Proxy-Authorization")             \
  X(proxy_connection, "Proxy-Connection")                   \
  X(range, "Range")                                         \
  X(referer, "Referer")                                     \
  X(refresh, "Refresh")                                     \
  X(retry_after, "Retry-After")                             \
  X(sec_websocket_accept, "Sec-WebSocket-Accept")           \
  X(sec_websocket_key, "Sec-WebSocket-Key")                 \
  X(server, "Server")                                       \
  X(set_cookie, "Set-Cookie")                               \
  X(strict_transport_security, "Strict-Transport-Security") \
  X(te, "TE")                                               \
  X(trailer, "Trailer")                                     \
  X(transfer_encoding, "Transfer-Encoding")                 \
  X(upgrade, "Upgrade")                                     \
  X(user_agent, "User-Agent")                               \
  X(vary, "Vary")                                           \
  X(via, "Via")                                             \
  X(warning, "Warning")                                     \
  X(www_authenticate, "WWW-Authenticate")                   \
  X(x_accel_buffering, "X-Accel-Buffering")                 \
  X(x_accel_charset, "X-Accel-Charset")                     \
  X(x_accel_expires, "X-Accel-Expires")                     \
  X(x_accel_limit_rate, "X-Accel-Limit-Rate")               \
  X(x_accel_redirect, "X-Accel-Redirect")                   \
  X(x_forwarded_for, "X-Forwarded-For")                     \
  X(x_forwarded_host, "X-Forwarded-Host")                   \
  X(x_forwarded_proto, "X-Forwarded-Proto")                 \
  X(x_powered_by, "X-Powered-By")                           \
  X(x_real_ip, "X-Real-IP")

enum class Name : uint8_t {
  other = 0,
#define WEIR_NAME_ENUM(id, text) id,
  WEIR_HEADER_NAMES(WEIR_NAME_ENUM)
#undef WEIR_NAME_ENUM
      count_,
};

// The id of a header name, compared without case; Name::other when it is not interned.
Name name_id(Str name);
// The canonical spelling of an interned name; empty for Name::other.
Str name_text(Name id);

}  // namespace weir::http
