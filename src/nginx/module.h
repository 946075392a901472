#pragma once
// The frame of the nginx personality. One feature is one Module in one file: a configuration struct that exists once per
// level (http, server, location, if), a table of directives at the file's bottom, and up to four hooks. Levels inherit: after
// everything was read, each level is merged from its parent, outermost first, then compiled to steps.
//
// To add a feature: write the struct with Setting<T> members, the bind functions or the generic setters below, the table,
// `compile` (push steps, filters, log writers to the location), and name the module in nginx/modules.cc.
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "config/table.h"
#include "model/load.h"
#include "model/model.h"
#include "nginx/context.h"
#include "nginx/script.h"
#include "proxy/pipe.h"
#include "proxy/step.h"

namespace weir::expr {
class Regex;
}

namespace weir::nginx {

struct Scope;
struct Location;
struct ServerBlock;
struct Http;
struct Module;
class LiteralPools;

using config::Block;
using config::Directive;
using config::Inherit;
using config::Row;

// A value that knows whether this level set it.
template <class T>
struct Setting {
  T value{};
  bool set = false;
  T get(T fallback) const { return set ? value : fallback; }
  void operator=(const T& v) {
    value = v;
    set = true;
  }
};

template <class S>
void merge_setting(void* child, const void* parent) {
  auto* c = static_cast<S*>(child);
  const auto* p = static_cast<const S*>(parent);
  if (!c->set && p->set) *c = *p;
}
// For rows with a generic setter: where the Setting is, and how it is inherited.
#define WEIR_FIELD(Conf, member) \
  static_cast<uint32_t>(offsetof(Conf, member)), &weir::nginx::merge_setting<decltype(Conf::member)>

enum class Phase : uint8_t { rewrite, preaccess, access, precontent, content };
constexpr int kPhases = 5;

// Access checks are combined by `satisfy`; each says one of these, or sets `status` for a refusal.
enum class Access : uint8_t { declined, allow, deny, wait, failed };
struct AccessCheck {
  // `status`: 403, 401 … when it denies. May return wait and be called again with cursor.resumed.
  Access (*check)(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf, uint16_t& status);
  const void* conf;
};

struct FilterMaker {
  // Null: not for this response.
  proxy::Filter* (*make)(proxy::Transaction& txn, const void* conf);
  const void* conf;
  int order;  // filters are chained by ascending order: 10 sub_filter, 50 gzip, 60 charset, 90 limit_rate
};

struct LogWriter {
  void (*write)(proxy::Transaction& txn, const void* conf);
  const void* conf;
};

// Why a level answers 501: a planned word that stands in it or in one around it.
struct Planned {
  Str word;
  config::Where where;
};

// One level of configuration: http, a server, a location, or an `if` inside one.
struct Level {
  ContextMask context = 0;
  Level* parent = nullptr;
  ServerBlock* server = nullptr;
  void** conf = nullptr;  // by Module::index
  bool merged = false;
  const Planned* planned = nullptr;
  std::vector<Location*> children;  // locations and ifs, in order

  template <class T>
  T& of(const Module& m) const;
};

enum class MatchKind : uint8_t { prefix, exact, no_regex, regex, named, if_block, limit_except };

struct Location : Level {
  Str name;  // "/api/", the pattern, "@name"
  MatchKind kind = MatchKind::prefix;
  const expr::Regex* regex = nullptr;
  bool internal = false;
  bool auto_redirect = false;  // "/a/" with proxy_pass: "/a" is redirected
  const Directive* directive = nullptr;

  // Filled by compile.
  std::vector<proxy::Step> steps[kPhases];
  std::vector<AccessCheck> access;
  std::vector<proxy::Step> response_steps;  // header filters, in order
  std::vector<FilterMaker> filters;
  std::vector<LogWriter> loggers;
  bool has_content = false;  // a content handler was set
  proxy::Segment request_segment;
  proxy::Segment response_segment;

  void step(Phase phase, proxy::StepFn run, const void* conf, config::Where where = {}) {
    steps[static_cast<int>(phase)].push_back({run, conf, where});
  }

  // Lookup among the children; see locate.cc.
  std::vector<Location*> prefixes;  // prefix and ^~, sorted, each with its longest proper prefix in `up`
  std::vector<Location*> exacts;
  std::vector<Location*> regexes;
  Location* up = nullptr;
};

struct Module {
  Str name;
  size_t size = 0;  // of the configuration struct, trivially destructible
  void (*create)(void* conf) = nullptr;  // placement-constructs it; use module_create<T>
  config::Table table;
  void (*merge)(Scope& scope, void* child, const void* parent) = nullptr;  // what the rows' generic merging does not do
  void (*compile)(Scope& scope, Location& location, void* conf) = nullptr;  // location is also the server level itself
  void (*finish)(Scope& scope) = nullptr;  // once, before merging: names can be resolved now
  mutable int index = -1;
};

template <class T>
void module_create(void* p) {
  static_assert(std::is_trivially_destructible_v<T>);
  new (p) T();
}

template <class T>
T& Level::of(const Module& m) const {
  return *static_cast<T*>(conf[m.index]);
}

struct ServerBlock {
  Location level;  // its own settings; children are its locations
  std::vector<Str> names;  // as written
  std::unordered_map<std::string, Location*> named;  // "@name"
  proxy::Segment entry;  // server rewrite steps, then find_location
  proxy::Segment locate;  // find_location only: internal redirects enter here
  const Directive* directive = nullptr;
  bool has_listen = false;
};

struct Http {
  Level level;
  std::vector<ServerBlock*> servers;
  Variables variables;
  std::unordered_map<std::string, model::Pool*> pools;  // upstream blocks and implicit ones ("host:port")
  std::vector<Level*> levels;  // all, parents before children
  std::vector<std::pair<config::Where, Str>>
      folders;  // that are made when everything is bound: their owner is known then
  Str product = "weir";  // how the Server header and the error pages name it
  Str product_version = "weir";  // likewise, with server_tokens on
  std::shared_ptr<LiteralPools> literals;  // changes while requests run; all shards share it
  std::unordered_map<const Module*, void*> mains;  // what a module keeps once: `main<T>()`
};

// The cursor of binding.
struct Scope {
  model::Model& model;
  config::Diagnostics& diag;
  const model::LoadOptions& options;
  Arena& arena;
  Http* http = nullptr;
  ServerBlock* server = nullptr;
  Level* level = nullptr;
  void* conf = nullptr;  // the current module's struct at the current level
  const Module* module = nullptr;
  model::Pool* pool = nullptr;  // inside upstream {}
  ContextMask context = kMain;
  std::vector<const Row*>* bound = nullptr;  // of the block that is being bound

  // Binds the children of a block in another context.
  void bind_block(const Directive& d, ContextMask context);
  Location* new_location(Level& parent, ContextMask context);
  template <class T>
  T& main(const Module& m) {
    void*& p = http->mains[&m];
    if (!p) p = arena.own<T>();
    return *static_cast<T*>(p);
  }
  config::Diagnostic& error(const config::Where& where, std::string text, std::string remedy = {}) {
    return diag.error(where, std::move(text), std::move(remedy));
  }
};

// Generic setters for Row::bind.
void set_flag(void* scope, const Directive& d, const Row& row);  // Setting<bool>: on | off
void set_ms(void* scope, const Directive& d, const Row& row);  // Setting<uint32_t>, "5s" "300ms" "1m 30s"
void set_sec(void* scope, const Directive& d, const Row& row);  // Setting<int64_t>, seconds
void set_size(void* scope, const Directive& d, const Row& row);  // Setting<uint64_t>, "8k" "1m"
void set_num(void* scope, const Directive& d, const Row& row);  // Setting<int64_t>
void set_str(void* scope, const Directive& d, const Row& row);  // Setting<Str>
void set_path(void* scope, const Directive& d, const Row& row);  // Setting<Str>, below the configuration's folder
void set_value(void* scope, const Directive& d, const Row& row);  // Setting<const Script*>: a text with variables

bool parse_ms(Str text, uint64_t& out);
bool parse_sec(Str text, int64_t& out);
bool parse_size(Str text, uint64_t& out);
// "invalid value "x" in "directive" directive", with the word's place.
void bad_value(Scope& scope, const Directive& d, size_t arg, Str expected);
// A file named in the configuration: relative ones are below the prefix (or the main file's folder with `conf`).
std::string full_path(const Scope& scope, Str name, bool conf = false);
// The full path of the folder that a directive names first; make_folders() makes those that are missing, and gives all to the
// worker's user, as nginx does: nobody else would.
Str make_folder(Scope& scope, const config::Directive& d);
void make_folders(Scope& scope);

const std::vector<const Module*>& modules();  // in order: steps of a phase run in this order

}  // namespace weir::nginx
