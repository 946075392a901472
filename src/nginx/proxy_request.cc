// The request as the server gets it: proxy_set_header lines first, then the client's headers that none of them replaces
// (ngx_http_proxy_create_request).
#include <fmt/format.h>

#include "nginx/core.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/upstream.h"
#include "proxy/transaction.h"

namespace weir::nginx {

using http::Header;
using http::Name;
using proxy::Transaction;

namespace {

Str with_args(Transaction& txn, Str path) {
  const Request& r = of(txn);
  return r.args.empty() ? path : txn.arena.cat(path, "?", r.args);
}

Str request_target(Transaction& txn, const ProxyConf& c, Str uri_part) {
  const Request& r = of(txn);
  if (c.target_script && !uri_part.empty()) return uri_part;
  if (uri_part.empty() && r.plain_uri) return r.unparsed_uri;
  Str rest = r.uri;
  if (!r.valid_location) uri_part = {};  // rewrite … break: the new URI goes as it is
  if (r.valid_location && !uri_part.empty()) rest = rest.substr(std::min(rest.size(), c.location_name.size()));
  rest = escape_uri(txn.arena, rest);
  if (uri_part.empty()) return with_args(txn, rest);
  return with_args(txn, txn.arena.cat(uri_part.front() == '?' ? "/" : "", uri_part, rest));
}

bool listed(Str name, const ArenaList<Str>& names) {
  for (Str n : names)
    if (iequals(n, name)) return true;
  return false;
}

bool replaced(const ProxyConf& c, const Header& h) {
  if (h.id == Name::other) return !c.set_others.empty() && listed(h.name, c.set_others);
  auto n = static_cast<unsigned>(h.id);
  return c.set_mask[n / 64] >> (n % 64) & 1;
}

// proxy_set_header Connection: what the codec has to know.
void apply_connection(http::Message& out, Str value, Str upgrade) {
  while (!value.empty()) {
    Str token = trim(cut(value, ','));
    if (iequals(token, "close")) out.keep_alive = false;
    if (iequals(token, "upgrade") && !upgrade.empty()) out.upgrade = true;
  }
}

void put_set_headers(Transaction& txn, const ProxyConf& c, http::Message& out) {
  bool host_set = false;
  Str connection;
  Str upgrade;
  for (const HeaderLine& h : c.set_headers) {
    Str value = h.value->eval(txn);
    if (h.id == Name::host) host_set = true;
    if (h.id == Name::connection) {
      connection = value;
      continue;
    }
    if (value.empty() || h.id == Name::transfer_encoding || h.id == Name::content_length) continue;
    Header& added = out.headers.add(h.name, value, h.id);
    if (h.id == Name::upgrade) {
      upgrade = value;
      added.hop = true;
    }
  }
  if (!host_set) out.headers.add("Host", target_host(txn, c).host, Name::host);
  apply_connection(out, connection, upgrade);
}

}  // namespace

void build_request(Transaction& txn, http::Message& out, const proxy::Forward& plan) {
  const auto& c = *static_cast<const ProxyConf*>(plan.conf);
  const Request& r = of(txn);
  out.upgrade = false;
  out.target = request_target(txn, c, c.target_script ? r.proxy_uri : c.uri);
  out.method_text = c.method.set ? c.method.value->eval(txn) : r.method_name;
  out.method = http::method_id(out.method_text);
  put_set_headers(txn, c, out);
  if (c.pass_headers.get(true))
    for (const Header& h : txn.request.headers) {
      if (h.removed || h.hop || h.id == Name::expect || replaced(c, h)) continue;
      out.headers.add(h.name, h.value, h.id);
    }
  if (c.body.set) {
    Str body = c.body.value->eval(txn);
    out.body = http::Body::length;
    out.content_length = body.size();
    txn.replace_body(body);
  } else if (!c.pass_body.get(true)) {
    out.body = http::Body::none;
  }
}

const model::Pool* choose_pool(Transaction& txn, const proxy::Forward& plan) {
  const auto& c = *static_cast<const ProxyConf*>(plan.conf);
  if (c.pool) return c.pool;
  return choose_dynamic(txn, c);
}

}  // namespace weir::nginx
