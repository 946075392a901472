#pragma once
// Stick tables and stick rules of proxies (configuration.txt 4.2, 11.1): which server a client was sent to is remembered under a
// key, and found again. Steps run on the request's and the response's cursor and never wait.
#include "haproxy/exchange.h"
#include "haproxy/scope.h"
#include "sticky/stick_table.h"

namespace weir::haproxy {

// The step of the backend in `conf`: looks its keys up, and notes those that are to be stored.
proxy::Next run_stick_rules(proxy::Transaction& txn, proxy::Cursor&, const void* conf);
// A server has the request: what was noted is stored, and what the response's rules say.
void store_sticks(proxy::Transaction& txn, Exchange& x);

// The table of that name: a proxy's, or SECTION/TABLE of a peers section. Null: there is none.
sticky::StickTable* find_table(const Scope& scope, Str name);
// A table as the words behind its name describe it, for a peers section. Null after an error.
sticky::StickTable* read_table_line(Scope& scope, const Directive& d, Words words, Str name);
// Gives rules their tables, and tables their memory. When all sections are bound.
void resolve_sticks(Scope& scope);

}  // namespace weir::haproxy
