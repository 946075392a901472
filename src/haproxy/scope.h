#pragma once
// The cursor of binding a HAProxy configuration: which proxy a line belongs to, and the helpers that all words share. Made
// once per configuration and gone when it is frozen.
#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/diag.h"
#include "config/table.h"
#include "haproxy/acl.h"
#include "haproxy/context.h"
#include "haproxy/global.h"
#include "haproxy/proxy.h"
#include "haproxy/sample.h"
#include "model/load.h"
#include "model/model.h"

namespace weir::haproxy {

using config::Block;
using config::Directive;
using config::Inherit;
using config::Row;
using config::Where;
using config::Word;
using Words = std::span<const Word>;

struct Scope {
  model::Model& model;
  config::Diagnostics& diag;
  const model::LoadOptions& options;
  Arena& arena;
  Global& global;
  Proxy* proxy = nullptr;  // of the section that is bound
  ContextMask context = kTop;
  const Directive* section = nullptr;

  Proxy* defaults = nullptr;  // the latest defaults section
  HttpErrors* http_errors = nullptr;
  UserList* users = nullptr;
  HealthcheckSection* healthcheck = nullptr;

  ParseEnv env() { return {arena, diag, &global.references, &global.patterns, proxy ? proxy->name : Str{}}; }
  // Error with HAProxy's wording where it is known (else the text is used for both).
  config::Diagnostic& error(const Where& where, std::string text, std::string remedy = {}, std::string product = {});
  config::Diagnostic& warning(const Where& where, std::string text, std::string remedy = {}, std::string product = {});
  void planned(const Where& where, Str what, bool harmless = false);
  // For things that do not exist on a machine that only checks: a note when offline, else an error.
  void missing(const Where& where, std::string text, std::string product = {});
  // The same of a file.
  void missing_file(const Where& where, std::string text, std::string product = {});
  Str keep(Str s) { return arena.dup(s); }
};

inline Scope& scope_of(void* p) {
  return *static_cast<Scope*>(p);
}

// The words behind the row's name.
inline Words args_of(const Directive& d, const Row& row) {
  size_t used = 1 + static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' '));
  return Words(d.words).subspan(used);
}

// Values of arguments; each reports what is wrong with the word and returns false.
bool read_time_ms(Scope& scope, const Word& word, Str what, uint32_t& ms);
bool read_number(Scope& scope, const Word& word, Str what, uint64_t min, uint64_t max, uint64_t& out);
bool read_size(Scope& scope, const Word& word, Str what, uint64_t& out);

}  // namespace weir::haproxy
