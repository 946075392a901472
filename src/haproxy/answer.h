#pragma once
// Answers that weir makes itself: error pages, `deny`, `return`, `redirect`, monitors. A Page is what the configuration
// says about one; it lives in the model and is only read. The functions are called from steps.
#include <cstdint>
#include <span>
#include <string>

#include "base/arena.h"
#include "config/tree.h"
#include "expr/fetch.h"
#include "haproxy/log_format.h"
#include "proxy/step.h"

namespace weir::haproxy {

struct Scope;

struct Page {
  enum class Kind : uint8_t {
    empty,  // no body
    message,  // a whole response: head and body as in an errorfile
    text,
    format,
    standard,  // whatever the proxies' error files say for the status
    named,  // of an http-errors section; becomes another kind when names are resolved
  };
  struct Field {
    Str name;
    Str value;
    const LogFormat* format = nullptr;
  };
  uint16_t status = 0;  // by which the page is found, and which is logged and counted
  uint16_t sent = 0;  // the client's where it differs: of errorloc, or the errorfile's own
  Kind kind = Kind::empty;
  Str reason;
  ArenaList<Field> fields;
  Str body;
  const LogFormat* body_format = nullptr;
  Str content_type;
  Str section;  // Kind::named
  config::Where where;
  bool listed = false;  // Kind::named: of an `errorfiles` line, which changes nothing where the section has none
  bool wanted = true;  // Kind::named: by its status, so that its absence is worth a warning
  bool close = false;
  bool hidden = false;  // an empty errorfile: the connection is closed without an answer
};

// HAProxy's own page for that status, or null when it has none.
const Page* standard_page(uint16_t status);

// Answers with `page` and ends the request. Next::done for the step.
proxy::Next answer(proxy::Transaction& txn, const Page& page, const expr::Ctx& ctx);
// The page that applies to this status here: the backend's, the frontend's, the standard one (500 when there is none).
const Page& page_for(const proxy::Transaction& txn, uint16_t status);

// A whole response from the text of an errorfile. Null, with a reason.
Page* parse_message(Arena& arena, Str text, std::string& error);
// Reads a file named in the configuration into the arena. False: reported (a note when offline).
bool read_file(Scope& scope, const config::Word& word, Str& text);
// [status N] [content-type T] [payload] [hdr NAME FMT]… from words[at] on; `at` is left behind them. Null after an error.
Page* parse_page(Scope& scope, std::span<const config::Word> words, size_t& at, uint16_t status, bool deny,
                 const Place& place);

}  // namespace weir::haproxy
