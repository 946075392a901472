// See haproxy/answer.h: making pages out of configuration words and files, and answering with them.
#include "haproxy/answer.h"

#include <fmt/format.h>

#include <cstdio>

#include "haproxy/rule.h"
#include "http/h1_writer.h"

namespace weir::haproxy {
namespace {

const Page* page_of(const proxy::Transaction& txn, uint16_t status) {
  const Exchange& x = exchange(txn);
  if (x.back)
    if (const Page* p = find_page(*x.back, status)) return p;
  if (x.front && x.front != x.back)
    if (const Page* p = find_page(*x.front, status)) return p;
  return standard_page(status);
}

Next send_page(Transaction& txn, const Page& page, const expr::Ctx& ctx) {
  if (page.hidden) return txn.drop(false);
  Str body = page.body_format ? render(*page.body_format, ctx) : page.body;
  txn.discard_response();
  exchange(txn).status = page.sent ? page.status : uint16_t{0};
  http::Message& m = txn.response;
  m.headers.clear();
  m.trailers.clear();
  m.version = 11;
  m.status = page.sent ? page.sent : page.status;
  m.reason = page.reason.empty() ? http::reason_phrase(m.status) : page.reason;
  m.body = m.status == 204 || m.status == 304 ? http::Body::none : http::Body::length;
  m.content_length = body.size();
  m.upgrade = false;
  m.raw_head = {};
  for (const Page::Field& f : page.fields) {
    Str value = f.format ? header_text(*f.format, ctx) : f.value;
    if (!value.empty()) m.headers.add(f.name, value);
  }
  if (!page.content_type.empty() && !body.empty())
    m.headers.add("Content-Type", page.content_type, http::Name::content_type);
  if (page.close) txn.close_client = true;
  return txn.reply_head(m.body == http::Body::none ? Str{} : body);
}

// The value of a keyword that needs one; reports when it is missing.
const Word* value_of(Scope& scope, Words words, size_t& at) {
  if (at + 1 < words.size()) return &words[++at];
  scope.error(words[at].where, fmt::format("'{}' lacks its argument", words[at].text), {},
              fmt::format("'{}' expects an argument", words[at].text));
  return nullptr;
}

bool is_framing(Str name) {
  return iequals(name, "content-length") || iequals(name, "transfer-encoding") || iequals(name, "content-type");
}

struct Parser {
  Scope& scope;
  const Place& place;
  Page& page;
  const Word* payload = nullptr;  // the keyword that gave it
  bool bad = false;

  bool payload_word(Words words, size_t& at);
  bool header(Words words, size_t& at);
  bool status(Words words, size_t& at);
  bool has_page() const;
  void finish();
};

bool Parser::status(Words words, size_t& at) {
  const Word* value = value_of(scope, words, at);
  if (!value) return false;
  auto n = parse_u64(value->text);
  if (!n || *n < 200 || *n > 599) {
    scope.error(value->where, fmt::format("'{}' is not a status from 200 to 599", value->text), {},
                fmt::format("Unexpected status code '{}'", value->text));
    return false;
  }
  page.status = static_cast<uint16_t>(*n);
  return true;
}

bool Parser::header(Words words, size_t& at) {
  if (at + 2 >= words.size()) {
    scope.error(words[at].where, "'hdr' takes a name and a value", {}, "'hdr' expects <name> and <value> as arguments");
    return false;
  }
  const Word& name = words[at + 1];
  const Word& value = words[at + 2];
  at += 2;
  if (is_framing(name.text)) {
    scope.warning(name.where, fmt::format("the header '{}' is ignored here", name.text), {},
                  fmt::format("header '{}' always ignored by the http reply.", name.text));
    return true;
  }
  ParseEnv env = scope.env();
  const LogFormat* format = compile_log_format(value, FormatUse::header, place, env);
  if (!format) return false;
  page.fields.push(scope.arena, {name.text, {}, format});
  return true;
}

bool Parser::payload_word(Words words, size_t& at) {
  const Word& keyword = words[at];
  if (payload) {
    scope.error(keyword.where, fmt::format("'{}' after '{}': there is one payload", keyword.text, payload->text), {},
                fmt::format("unexpected '{}' argument, '{}' already defined", keyword.text, payload->text));
    return false;
  }
  payload = &keyword;
  if (keyword == "default-errorfiles") {
    page.kind = Page::Kind::standard;
    return true;
  }
  const Word* value = value_of(scope, words, at);
  if (!value) return false;
  Str text = value->text;
  if (keyword == "errorfiles") {
    page.kind = Page::Kind::named;
    page.section = text;
    page.where = value->where;
    scope.global.named_pages.push_back(&page);
    return true;
  }
  bool from_file = keyword == "errorfile" || keyword == "file" || keyword == "lf-file";
  if (from_file && !read_file(scope, *value, text)) return false;
  if (keyword == "errorfile") {
    std::string problem;
    Page* message = parse_message(scope.arena, text, problem);
    if (!message) {
      scope.error(value->where, fmt::format("'{}' is not a response: {}", value->text, problem), {},
                  fmt::format("unable to convert message in HTX for file '{}'", value->text));
      return false;
    }
    message->sent = message->status;
    message->status = page.status;
    message->where = page.where;
    page = *message;
    return true;
  }
  page.kind = Page::Kind::text;
  page.body = text;
  if (!keyword.text.starts_with("lf-")) return true;
  page.kind = Page::Kind::format;
  Word word = *value;
  word.text = text;
  ParseEnv env = scope.env();
  page.body_format = from_file ? compile_log_format(text, FormatUse::text, place, env, value->where)
                               : compile_log_format(word, FormatUse::text, place, env);
  return page.body_format != nullptr;
}

// Pages that nobody wrote exist for some statuses only.
bool Parser::has_page() const {
  bool ready_made = page.kind == Page::Kind::standard || page.kind == Page::Kind::named;
  if (!ready_made || standard_page(page.status)) return true;
  Str word = payload ? payload->text : Str("default-errorfiles");
  scope.error(page.where, fmt::format("there is no page for the status {}", page.status),
              "write for example: status CODE content-type text/plain string TEXT",
              fmt::format("status code '{}' not handled by default with '{}' argument.", page.status, word));
  return false;
}

void Parser::finish() {
  bool has_text = page.kind == Page::Kind::text || page.kind == Page::Kind::format;
  bool needs_type = page.kind == Page::Kind::format || (page.kind == Page::Kind::text && !page.body.empty());
  if (needs_type && page.content_type.empty()) {
    scope.error(payload->where, "the answer has a body and no content-type", "write: content-type text/plain",
                page.kind == Page::Kind::format
                    ? "a content type must be defined with a log-format payload"
                    : "a content type must be defined when non-empty payload is configured");
    bad = true;
  }
  if (needs_type && (page.status == 204 || page.status == 304)) {
    scope.error(payload->where, fmt::format("an answer with status {} has no body", page.status), {},
                fmt::format("No body expected for {} responses", page.status));
    bad = true;
  }
  if (!has_text && !page.content_type.empty()) {
    scope.warning(
        payload ? payload->where : page.where, "content-type is ignored: the answer has no body of its own", {},
        fmt::format("content-type '{}' ignored by the http reply because neither errorfile nor payload defined.",
                    page.content_type));
    page.content_type = {};
  }
  bad |= !has_page();
}

}  // namespace

const Page* find_page(const Proxy& proxy, uint16_t status) {
  for (uint32_t i = proxy.s.errors.size; i-- > 0;)
    if (proxy.s.errors[i]->status == status)
      return proxy.s.errors[i]->kind == Page::Kind::standard ? nullptr : proxy.s.errors[i];
  return nullptr;
}

const Page& page_for(const proxy::Transaction& txn, uint16_t status) {
  const Page* page = page_of(txn, status);
  return page ? *page : *standard_page(500);
}

Next answer(Transaction& txn, const Page& page, const expr::Ctx& ctx) {
  // A status that nobody has a page for is answered without a body.
  const Page* found = page.kind == Page::Kind::standard ? page_of(txn, page.status) : nullptr;
  return send_page(txn, found ? *found : page, ctx);
}

bool read_file(Scope& scope, const config::Word& word, Str& text) {
  std::string path(word.text);
  if (!scope.global.path_origin.empty() && !path.starts_with('/')) path = scope.global.path_origin + "/" + path;
  FILE* f = fopen(path.c_str(), "re");
  if (!f) {
    scope.missing(word.where, fmt::format("cannot read '{}': {}", path, strerror(errno)),
                  fmt::format("error opening file '{}'", path));
    text = {};
    return scope.options.offline;
  }
  std::string all;
  char part[4096];
  for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) all.append(part, n);
  fclose(f);
  text = scope.arena.dup(all);
  return true;
}

Page* parse_message(Arena& arena, Str text, std::string& error) {
  auto* page = arena.make<Page>();
  page->kind = Page::Kind::message;
  if (text.empty()) {
    page->hidden = true;
    return page;
  }
  auto take_line = [&] {
    Str line = cut(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  Str start = take_line();
  if (!start.starts_with("HTTP/")) {
    error = "it does not start with a status line";
    return nullptr;
  }
  cut(start, ' ');
  Str code = cut(start, ' ');
  auto n = parse_u64(code);
  if (!n || *n < 100 || *n > 999) {
    error = fmt::format("'{}' is not a status", code);
    return nullptr;
  }
  page->status = static_cast<uint16_t>(*n);
  page->reason = start;
  while (!text.empty()) {
    Str line = take_line();
    if (line.empty()) break;
    Str name = cut(line, ':');
    Str value = trim(line);
    if (iequals(name, "connection")) {
      page->close = iequals(value, "close");
    } else if (iequals(name, "transfer-encoding")) {
      error = "it has a Transfer-Encoding";
      return nullptr;
    } else if (!iequals(name, "content-length")) {
      page->fields.push(arena, {name, value, nullptr});
    }
  }
  page->body = text;
  return page;
}

Page* parse_page(Scope& scope, Words words, size_t& at, uint16_t status, bool deny, const Place& place) {
  auto* page = scope.arena.make<Page>();
  page->status = status;
  if (!words.empty()) page->where = words[0].where;
  Parser parser{scope, place, *page};
  for (; at < words.size(); at++) {
    const Word& word = words[at];
    bool good = true;
    if (word == "status" || (deny && word == "deny_status")) {
      good = parser.status(words, at);
    } else if (word == "content-type") {
      const Word* value = value_of(scope, words, at);
      good = value != nullptr;
      if (value) page->content_type = value->text;
    } else if (word == "hdr") {
      good = parser.header(words, at);
    } else if (word == "default-errorfiles" || word == "errorfile" || word == "errorfiles" || word == "file" ||
               word == "lf-file" || word == "string" || word == "lf-string") {
      good = parser.payload_word(words, at);
    } else {
      break;
    }
    if (!good) return nullptr;
  }
  if (deny && (words.empty() || (words.size() == 2 && words[0] == "deny_status"))) page->kind = Page::Kind::standard;
  parser.finish();
  return parser.bad ? nullptr : page;
}

}  // namespace weir::haproxy
