// Error pages: errorfile, errorfiles, errorloc and http-error, in proxies and in http-errors sections.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

bool read_status(Scope& scope, const Word& word, Str keyword, uint16_t& status) {
  auto n = parse_u64(word.text);
  if (n && *n >= 200 && *n <= 599) {
    status = static_cast<uint16_t>(*n);
    if (!standard_page(status))
      scope.warning(
          word.where, fmt::format("no error of weir has the status {}", status), {},
          fmt::format("status code '{}' not handled by '{}', error customization will be ignored.", status, keyword));
    return true;
  }
  scope.error(word.where, fmt::format("'{}' is not a status", word.text), {},
              fmt::format("'{}' : expects <status_code> as argument", keyword));
  return false;
}

void add_page(Scope& scope, Page* page) {
  ArenaList<Page*>& list = scope.http_errors ? scope.http_errors->pages : scope.proxy->s.errors;
  list.push(scope.arena, page);
}

void bind_errorfile(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  uint16_t status = 0;
  if (!read_status(scope, args[0], row.name, status)) return;
  Str text;
  if (!read_file(scope, args[1], text)) return;
  std::string problem;
  // /dev/null and other empty files: the connection is closed in place of an answer.
  Page* page = parse_message(scope.arena, text, problem);
  if (!page) {
    scope.error(args[1].where, fmt::format("'{}' is not a response: {}", args[1].text, problem), {},
                fmt::format("'{}' : unable to convert message in HTX for HTTP return code {}.", row.name, status));
    return;
  }
  auto* kept = scope.arena.make<Page>(*page);
  kept->sent = kept->status;
  kept->status = status;
  add_page(scope, kept);
}

void bind_errorloc(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  uint16_t status = 0;
  if (!read_status(scope, args[0], row.name, status)) return;
  auto* page = scope.arena.make<Page>();
  page->status = status;
  page->kind = Page::Kind::message;
  page->sent = row.name == "errorloc303" ? 303 : 302;
  page->fields.push(scope.arena, {"Cache-Control", "no-cache", nullptr});
  page->fields.push(scope.arena, {"Location", args[1].text, nullptr});
  add_page(scope, page);
}

// `errorfiles NAME [code…]`: pages of a section; all of its pages when no code is named.
void bind_errorfiles(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  constexpr uint16_t kAll[] = {200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414,
                               421, 422, 425, 429, 431, 500, 501, 502, 503, 504};
  auto add = [&](uint16_t status, bool wanted) {
    auto* page = scope.arena.make<Page>();
    page->status = status;
    page->kind = Page::Kind::named;
    page->section = args[0].text;
    page->where = args[0].where;
    page->listed = true;
    page->wanted = wanted;
    scope.global.named_pages.push_back(page);
    add_page(scope, page);
  };
  if (args.size() == 1)
    for (uint16_t status : kAll) add(status, false);
  for (size_t i = 1; i < args.size(); i++) {
    uint16_t status = 0;
    if (read_status(scope, args[i], row.name, status)) add(status, true);
  }
}

void bind_http_error(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  size_t at = 0;
  bool has_status = false;
  for (const Word& word : args) has_status |= word == "status";
  if (!has_status) {
    scope.error(d.where, "'http-error' lacks the status that it is for", "write: http-error status 503 …",
                "'http-error' : 'status' is mandatory");
    return;
  }
  Page* page = parse_page(scope, args, at, 500, false, kAnyPlace);
  if (!page) return;
  if (at < args.size()) {
    scope.error(args[at].where, fmt::format("'{}' is not expected here", args[at].text),
                fmt::format("write: {} {}", row.name, row.syntax),
                fmt::format("'http-error' : unknown keyword '{}'.", args[at].text));
    return;
  }
  add_page(scope, page);
}

constexpr Row word(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kProxies, min, max, Block::none, Inherit::copy, bind, syntax, help};
}

constexpr Row kRows[] = {
    {"errorfile", kProxies | kHttpErrors, 2, 2, Block::none, Inherit::copy, bind_errorfile, "<code> <file>",
     "file sent as the answer for a status code"},
    word("errorfiles", 1, -1, bind_errorfiles, "<name> [<code> ...]", "take answers from an http-errors section"),
    word("errorloc", 2, 2, bind_errorloc, "<code> <url>", "redirect (302) instead of an error answer"),
    word("errorloc302", 2, 2, bind_errorloc, "<code> <url>", "redirect (302) instead of an error answer"),
    word("errorloc303", 2, 2, bind_errorloc, "<code> <url>", "redirect (303) instead of an error answer"),
    word("http-error", 2, -1, bind_http_error,
         "status <code> [content-type <type>] [ { default-errorfiles | errorfile <file> | errorfiles <name> | file "
         "<file> | "
         "lf-file <file> | string <str> | lf-string <fmt> } ] [ hdr <name> <fmt> ]*",
         "answer for a status code, made from a file, a string or a format"),
};

}  // namespace

const config::Table kErrorfileTable = kRows;

}  // namespace weir::haproxy
