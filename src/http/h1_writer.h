#pragma once
// HTTP/1 heads and chunks into a connection's scratch, so that they leave together with the first body bytes.
#include "http/message.h"
#include "net/conn.h"

namespace weir::http {

// Which framing and connection headers a head gets; everything hop-by-hop in the message is left out.
struct HeadFraming {
  bool content_length = false;  // write Content-Length: message.content_length
  bool keep_length = false;     // no body, but the message's own Content-Length stands (HEAD, 304)
  bool chunked = false;         // write Transfer-Encoding: chunked
  Str connection;               // value of Connection, or empty for none
  Str upgrade;                  // value of Upgrade, or empty for none
};

void write_request_head(net::Conn& conn, const Message& m, const HeadFraming& framing, bool http10);
void write_response_head(net::Conn& conn, const Message& m, const HeadFraming& framing);
// One chunk (none for empty data) and, with `end`, the last chunk and the trailers. Returns how many bytes came on top of the
// data.
size_t write_chunk(net::Conn& conn, Str data, bool end, const HeaderList* trailers);

// The usual reason phrase, "Unknown" when there is none.
Str reason_phrase(uint16_t status);

}  // namespace weir::http
