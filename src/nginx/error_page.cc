// error_page, the built-in pages and internal redirects (ngx_http_special_response.c, ngx_http_core_module.c).
#include "nginx/error_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/h1_writer.h"
#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/listen.h"
#include "nginx/request.h"
#include "nginx/server_tokens.h"
#include "proxy/transaction.h"

namespace weir::nginx {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

struct ErrorPage {
  uint16_t status = 0;
  int overwrite = -1;  // -1: keep the status; 0: the page's handler decides; else this status
  const Script* uri = nullptr;
};

struct ErrorPageConf {
  ArenaList<ErrorPage> pages;
};

void bind_error_page(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<ErrorPageConf*>(scope.conf);
  size_t last = d.args() - 1;
  ErrorPage page;
  if (d.arg(last).text.starts_with("=")) return bad_value(scope, d, last, "the URI of the page after =response");
  page.uri = compile_script(scope.arena, scope.http->variables, d.arg(last).text, d.arg(last).where, scope.diag);
  size_t codes = last;
  if (codes > 1 && d.arg(codes - 1).text.starts_with("=")) {
    Str code = d.arg(codes - 1).text.substr(1);
    auto n = parse_u64(code);
    if (!code.empty() && (!n || *n < 100 || *n > 999)) return bad_value(scope, d, codes - 1, "= or =code");
    page.overwrite = code.empty() ? 0 : static_cast<int>(*n);
    codes--;
  }
  for (size_t i = 0; i < codes; i++) {
    auto n = parse_u64(d.arg(i).text);
    if (!n || *n < 300 || *n > 599 || *n == 499) {
      bad_value(scope, d, i, "a status from 300 to 599");
      continue;
    }
    page.status = static_cast<uint16_t>(*n);
    conf.pages.push(scope.arena, page);
  }
}

void merge_error_page(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<ErrorPageConf*>(child);
  if (c.pages.empty()) c.pages = static_cast<const ErrorPageConf*>(parent)->pages;
}

const ErrorPage* find_page(Transaction& txn, uint16_t status) {
  const Request& r = of(txn);
  const auto& core = r.location->of<CoreConf>(kCoreModule);
  if (r.error_page && !core.recursive_error_pages.get(false)) return nullptr;
  for (const ErrorPage& p : r.location->of<ErrorPageConf>(kErrorPageModule).pages)
    if (p.status == status) return &p;
  return nullptr;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Next go_to_page(Transaction& txn, const ErrorPage& page, uint16_t status) {
  Request& r = of(txn);
  Str uri = page.uri->eval(txn);
  r.error_page = true;
  r.error_status = page.overwrite < 0 ? status : static_cast<uint16_t>(page.overwrite);
  if (uri.starts_with("/")) {
    if (txn.request.method != http::Method::head) {
      txn.request.method = http::Method::get;
      r.method_name = "GET";
    }
    Str args;
    size_t q = uri.find('?');
    if (q != Str::npos) args = uri.substr(q + 1);
    return internal_redirect(txn, txn.cursors[Transaction::kRequest], uri.substr(0, q), args);
  }
  if (uri.starts_with("@")) return named_location(txn, txn.cursors[Transaction::kRequest], uri);
  uint16_t code = is_redirect(page.overwrite) ? static_cast<uint16_t>(page.overwrite) : 302;
  r.error_status = 0;
  return redirect(txn, code, uri);
}

bool closes(uint16_t status) {
  return status == 400 || status == 413 || status == 414 || status == 494 || status == 497 || status == 495 ||
         status == 496 || status == 500 || status == 501 || status == 408 || status == 431;
}

// The others are answered without a body.
bool has_builtin_page(uint16_t status) {
  switch (status) {
    case 421:
    case 429:
    case 494:
    case 495:
    case 496:
    case 497:
    case 507: return true;
    default: break;
  }
  return is_redirect(status) || (status >= 400 && status <= 416) || (status >= 500 && status <= 505);
}

// nginx's own statuses that a client sees as 400: what is wrong, else empty.
Str told_as_400(uint16_t status) {
  switch (status) {
    case 494: return "Request Header Or Cookie Too Large";
    case 495: return "The SSL certificate error";
    case 496: return "No required SSL certificate was sent";
    case 497: return "The plain HTTP request was sent to HTTPS port";
    default: return {};
  }
}

const Row kTable[] = {
    {"error_page", kHttpEverywhere, 2, -1, Block::none, Inherit::array, bind_error_page, "code ... [=[response]] uri",
     "what is shown for errors"},
};

}  // namespace

bool has_error_page(Transaction& txn, uint16_t status) {
  return find_page(txn, status) != nullptr;
}

Str builtin_page(Transaction& txn, uint16_t status) {
  if (!has_builtin_page(status)) return {};
  Str server = server_token(txn);
  if (Str told = told_as_400(status); !told.empty())
    return txn.arena.cat("<html>\r\n<head><title>400 ", told,
                         "</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>", told,
                         "</center>\r\n<hr><center>", server, "</center>\r\n</body>\r\n</html>\r\n");
  Str title = fmt_status(txn, status);
  return txn.arena.cat("<html>\r\n<head><title>", title, "</title></head>\r\n<body>\r\n<center><h1>", title,
                       "</h1></center>\r\n<hr><center>", server.empty() ? Str{"weir"} : server,
                       "</center>\r\n</body>\r\n</html>\r\n");
}

Str status_reason(uint16_t status) {
  switch (status) {
    case 302: return "Moved Temporarily";
    case 405: return "Not Allowed";
    case 408: return "Request Time-out";
    case 413: return "Request Entity Too Large";
    case 414: return "Request-URI Too Large";
    case 416: return "Requested Range Not Satisfiable";
    case 503: return "Service Temporarily Unavailable";
    case 504: return "Gateway Time-out";
    // Statuses that nginx knows no words for.
    case 203:
    case 205:
    case 207:
    case 300:
    case 417:
    case 418:
    case 422:
    case 423:
    case 424:
    case 425:
    case 426:
    case 428:
    case 431:
    case 451: return {};
    default: break;
  }
  Str reason = http::reason_phrase(status);
  return reason == "Unknown" ? Str{} : reason;
}

Str fmt_status(Transaction& txn, uint16_t status) {
  Str words = status == 401 ? Str("Authorization Required") : status == 302 ? Str("Found") : status_reason(status);
  return txn.arena.dup(fmt::format("{}{}{}", status, words.empty() ? "" : " ", words));
}

Next finish_with(Transaction& txn, uint16_t status, Str why) {
  if (!why.empty()) {
    log_error(&txn,
              status >= 500                    ? LogLevel::error
              : status == 403 || status == 404 ? LogLevel::error
                                               : LogLevel::info,
              0, why);
    txn.error.text = why;
  }
  if (status == 444) {
    txn.response.status = status;  // for the log
    return txn.drop(false);
  }
  if (const ErrorPage* page = find_page(txn, status)) return go_to_page(txn, *page, status);
  return answer_plainly(txn, status);
}

Next answer_plainly(Transaction& txn, uint16_t status) {
  Request& r = of(txn);
  r.error_status = 0;  // when an error page itself fails, its error is the answer
  proxy::Reply reply;
  reply.status = told_as_400(status).empty() ? status : 400;
  reply.close = closes(status);
  reply.body = builtin_page(txn, status);
  if (!reply.body.empty()) reply.content_type = "text/html";
  reply.location = r.redirect_to;
  r.redirect_to = {};
  return txn.reply(reply);
}

Next redirect(Transaction& txn, uint16_t status, Str location) {
  Request& r = of(txn);
  r.redirect_to = location.starts_with("/") ? absolute_location(txn, location) : location;
  return finish_with(txn, status);
}

Str absolute_location(Transaction& txn, Str uri) {
  const Request& r = of(txn);
  const auto& core = r.location->of<CoreConf>(kCoreModule);
  if (!core.absolute_redirect.get(true)) return uri;
  bool tls = root_of(txn).over_tls;
  Str host = r.host;
  if (core.server_name_in_redirect.get(false) || host.empty()) host = own_name(*r.server);
  if (host.empty()) return uri;
  uint16_t port = txn.listener.addr.port;
  bool show_port = core.port_in_redirect.get(true) && txn.listener.addr.is_ip() && port != (tls ? 443 : 80);
  std::string port_text = show_port ? fmt::format(":{}", port) : std::string();
  return txn.arena.cat(tls ? "https://" : "http://", host, port_text, uri);
}

Next internal_redirect(Transaction& txn, Cursor&, Str uri, Str args) {
  Request& r = of(txn);
  if (++r.redirects > 10) {
    r.error_page = true;
    return finish_with(
        txn, 500, txn.arena.cat("rewrite or internal redirection cycle while internally redirecting to \"", uri, "\""));
  }
  change_uri(txn, uri);
  r.valid_location = true;
  r.args = args;
  r.internal = true;
  r.location = &r.server->level;
  txn.restart(&r.server->entry);
  return Next::done;
}

Next named_location(Transaction& txn, Cursor&, Str name) {
  Request& r = of(txn);
  auto it = r.server->named.find(std::string(name));
  if (++r.redirects > 10 || it == r.server->named.end()) {
    r.error_page = true;
    return finish_with(txn, 500, txn.arena.cat("could not find named location \"", name, "\""));
  }
  r.internal = true;
  r.location = it->second;
  txn.where = &it->second->request_segment;
  txn.restart(&it->second->request_segment);
  return Next::done;
}

void change_uri(Transaction& txn, Str uri) {
  Request& r = of(txn);
  r.uri = uri;
  r.plain_uri = false;
  r.valid_location = false;
}

const Module kErrorPageModule{"error_page", sizeof(ErrorPageConf), module_create<ErrorPageConf>, kTable,
                              merge_error_page};

}  // namespace weir::nginx
