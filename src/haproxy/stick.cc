// See haproxy/stick.h: what stick rules do in an exchange.
#include "haproxy/stick.h"

#include "haproxy/cookie.h"
#include "proxy/shard.h"

namespace weir::haproxy {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;
using sticky::StickTable;
using sticky::Table;

namespace {

bool noted(const Persistence& p, const StickTable& table, bool by_response) {
  for (const StickKey& k : p.keys)
    if (k.table == &table && k.by_response == by_response) return true;
  return false;
}

bool key_for(const StickRule& rule, const expr::Ctx& ctx, Str& key) {
  expr::Value v;
  return (!rule.condition || rule.condition->eval(ctx)) && rule.sample->eval(ctx, v) &&
         rule.table->key_of(v, *ctx.arena, key);
}

// The server that the table has for the key; using an entry keeps it.
const model::Server* look_up(const StickTable& table, Str key, const model::Pool& pool, uint64_t now) {
  Table::Guard guard(table.table, key);
  Table::Entry* e = guard.find(now);
  if (!e) return nullptr;
  guard.touch(*e, now, table.expire_ms);
  return table.server_of(*e, pool);
}

void store(const StickTable& table, Str key, const model::Server& server, uint64_t now) {
  Table::Guard guard(table.table, key);
  Table::Entry* e = guard.find(now);
  if (!e) e = guard.add(now, !table.nopurge);
  if (!e) return;
  table.set_server(*e, server);
  guard.touch(*e, now, table.expire_ms);
}

}  // namespace

Next run_stick_rules(Transaction& txn, Cursor&, const void* conf) {
  auto& back = *static_cast<const Proxy*>(conf);
  Exchange& x = exchange(txn);
  Persistence& p = x.persistence;
  expr::Ctx ctx = context_for(txn);
  const uint64_t now = txn.shard.loop.now();
  for (const StickRule& rule : back.sticks) {
    Str key;
    if (rule.on_response || noted(p, *rule.table, false) || !key_for(rule, ctx, key)) continue;
    if (rule.matches)
      if (const model::Server* s = look_up(*rule.table, key, *back.pool, now);
          s && !p.direct && persists_on(*s, back, p, now)) {
        x.server = s;
        p.direct = true;
      }
    if (rule.stores) p.keys.push(txn.arena, {rule.table, key, false});
  }
  return Next::next;
}

void store_sticks(Transaction& txn, Exchange& x) {
  Persistence& p = x.persistence;
  if (!txn.server) return;
  expr::Ctx ctx = context_for(txn, true);
  for (const StickRule& rule : x.back->sticks) {
    Str key;
    if (rule.on_response && !noted(p, *rule.table, true) && key_for(rule, ctx, key))
      p.keys.push(txn.arena, {rule.table, key, true});
  }
  auto& options = *static_cast<const ServerOptions*>(txn.server->conf);
  if (options.non_stick) return;
  for (const StickKey& k : p.keys) store(*k.table, k.key, *txn.server, txn.shard.loop.now());
}

}  // namespace weir::haproxy
