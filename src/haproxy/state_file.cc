// See haproxy/state_file.h. What of a line is applied, and what is said about lines that do not fit, is HAProxy's
// (srv_state_srv_update).
#include "haproxy/state_file.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fstream>
#include <map>
#include <sstream>

#include "haproxy/haproxy.h"
#include "haproxy/personality.h"
#include "haproxy/tables.h"
#include "haproxy/traffic_log.h"

namespace weir::haproxy {
namespace {

using model::Admin;

constexpr long kVersion = 1;
constexpr size_t kLongestLine = 1999;  // with its end; the next byte would be one too many for HAProxy
constexpr size_t kFewestFields = 20;
constexpr uint8_t kLevelNotice = 5;

// The columns, as the second line of the file names them.
enum Column : uint8_t {
  kBackendId,
  kBackendName,
  kServerId,
  kServerName,
  kAddress,
  kOperation,
  kAdmin,
  kWeight,
  kInitialWeight,
  kAge,
  kCheckStatus,
  kCheckResult,
  kCheckHealth,
  kCheckState,
  kAgentState,
  kForcedBackendId,
  kForcedServerId,
  kHostName,
  kPort,
  kServiceRecord,
  kTls,  // this one and those behind it may be missing
  kCheckPort,
  kCheckAddress,
  kAgentAddress,
  kAgentPort,
  kColumns
};

enum AdminBit : long {
  kForcedMaint = 1,
  kInheritedMaint = 2,
  kFileMaint = 4,
  kForcedDrain = 8,
  kInheritedDrain = 16,
  kNoAddress = 32,
  kNameChanged = 64
};
enum Operation : long { kStopped = 0, kStarting = 1, kRunning = 2, kStopping = 3 };

struct Line {
  std::vector<std::string> fields;
  bool used = false;
};
using Lines = std::map<std::string, Line>;  // by "backend server"

// strtol's idea of a number at the start of a field.
bool leading_number(const std::string& field, long& out) {
  char* end = nullptr;
  errno = 0;
  out = strtol(field.c_str(), &end, 10);
  return end != field.c_str() && errno == 0;
}

// --- reading ---

std::vector<std::string> split(Str line) {
  std::vector<std::string> fields;
  while (fields.size() < kColumns) {
    size_t begin = line.find_first_not_of(" \t");
    if (begin == Str::npos) break;
    line.remove_prefix(begin);
    size_t end = std::min(line.find_first_of(" \t"), line.size());
    fields.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return fields;
}

// The next line without its end. False: what is left is none, or is too long for one.
bool next_line(Str& text, Str& line) {
  size_t end = text.find('\n');
  if (end == Str::npos || end + 1 > kLongestLine) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

std::string path_of(const Global& global, Str name) {
  if (name.starts_with('/') || global.server_state_base.empty()) return std::string(name);
  return fmt::format("{}{}{}", global.server_state_base, global.server_state_base.ends_with('/') ? "" : "/", name);
}

// One file with the names that HAProxy's messages have for it.
struct File {
  std::string path;
  std::string kind;  // "global server state file"
  std::string whose;  // "config: ", "Proxy 'b': "
  const char* end = "";  // of the sentence about one that cannot be opened
};

class Loader {
 public:
  Loader(const model::Model& model, const std::vector<const model::Server*>& fresh, const TellState& tell)
      : model_(model), global_(haproxy::global(model)), tell_(tell), fresh_(model.servers.size()) {
    for (const model::Server* s : fresh) fresh_[s->id] = true;
  }

  void run() {
    Lines global;
    bool read = false;
    for (const Proxy* p : global_.proxies) {
      if (!p->is_back() || p->s.disabled || p->servers.empty()) continue;
      bool wanted = std::ranges::any_of(p->servers, [this](const model::Server* s) { return fresh_[s->id]; });
      if (!wanted) continue;
      if (p->s.states == StateSource::local) load_local(*p);
      if (p->s.states != StateSource::global) continue;
      if (!read) global = load_global();
      read = true;
      apply(*p, global);
    }
  }

 private:
  void warn(const std::string& text) const { tell_(true, text); }

  Lines load_global() {
    if (global_.server_state_file.empty()) return {};
    return load({path_of(global_, global_.server_state_file), "global server state file", "config: ", ""}, nullptr);
  }

  void load_local(const Proxy& p) {
    Str name = p.s.state_file.empty() ? p.name : p.s.state_file;
    Lines lines = load({path_of(global_, name), "server state file", fmt::format("Proxy '{}': ", p.name), "."}, &p);
    apply(p, lines);
    for (auto& [key, line] : lines) {
      if (line.used) continue;
      std::string text = fmt::format("can't find server '{}' in backend '{}'", line.fields[kServerName], p.name);
      warn(fmt::format("Proxy '{}': {}", p.name, text));
      log_about(global_, p, kLevelNotice, text);
    }
  }

  // `only`: lines are for it, and those for others are left out. A file with one broken line counts as none.
  Lines load(const File& file, const Proxy* only) const {
    errno = 0;
    std::ifstream in(file.path);
    if (!in) {
      tell_(errno != ENOENT,
            fmt::format("{}Can't open {} '{}': {}{}", file.whose, file.kind, file.path, strerror(errno), file.end));
      return {};
    }
    std::stringstream contents;
    contents << in.rdbuf();
    std::string whole = contents.str();
    Str text = whole, line;
    if (text.empty()) {
      tell_(false, fmt::format("{}Empty {} '{}'.", file.whose, file.kind, file.path));
      return {};
    }
    long version = 0;
    if (!next_line(text, line) || line.find_first_not_of("0123456789") != Str::npos ||
        !leading_number(std::string(line), version) || version != kVersion) {
      warn(fmt::format("{}Can't get version of the {} '{}'.", file.whose, file.kind, file.path));
      return {};
    }
    Lines lines;
    for (int number = 1; !text.empty(); number++) {
      bool good = next_line(text, line);
      size_t first = good ? line.find_first_not_of(" \t") : 0;
      if (good && (first == Str::npos || line[first] == '#')) continue;
      std::vector<std::string> fields = good ? split(line) : std::vector<std::string>();
      if (fields.size() < kFewestFields) {
        warn(fmt::format("{}corrupted {} '{}' at line {}.", file.whose, file.kind, file.path, number));
        return {};
      }
      fields.resize(kColumns);
      if (only && !is_for(*only, fields)) continue;
      std::string key = fmt::format("{} {}", only ? only->name : Str(fields[kBackendName]), fields[kServerName]);
      lines.try_emplace(std::move(key), Line{std::move(fields)});
    }
    return lines;
  }

  bool is_for(const Proxy& p, const std::vector<std::string>& fields) const {
    bool same_id = atol(fields[kBackendId].c_str()) == static_cast<long>(p.id);
    bool same_name = fields[kBackendName] == p.name;
    if (same_id == same_name) return same_id;
    std::string text =
        same_name ? fmt::format("backend ID mismatch: from server state file: '{}', from running config '{}'",
                                fields[kBackendId], p.id)
                  : fmt::format("backend name mismatch: from server state file: '{}', from running config '{}'",
                                fields[kBackendName], p.name);
    warn(fmt::format("Proxy '{}': {}", p.name, text));
    log_about(global_, p, kLevelNotice, text);
    return same_name || (atol(fields[kForcedBackendId].c_str()) & 1);
  }

  // --- applying ---

  void apply(const Proxy& p, Lines& lines) const {
    for (const model::Server* s : p.servers) {
      auto it = lines.find(fmt::format("{} {}", p.name, s->name));
      if (it == lines.end()) continue;
      it->second.used = true;
      if (fresh_[s->id]) apply(p, *s, it->second.fields);
    }
  }

  void apply(const Proxy& p, const model::Server& server, const std::vector<std::string>& f) const;

  const model::Model& model_;
  const Global& global_;
  const TellState& tell_;
  std::vector<bool> fresh_;  // by number of the server
};

// --- what a line says about a server ---

struct Wanted {
  long operation = 0, admin = 0, weight = 0, initial_weight = 0, age = 0, port = 0;
  bool name_changed = false;
  std::string host;
  std::string problems;

  void complain(Str column, Str value) { problems += fmt::format(", invalid {} value '{}'", column, value); }
  bool number(Str column, const std::string& field, long& out) {
    if (leading_number(field, out)) return true;
    complain(column, field);
    return false;
  }
  void bounded(Str column, const std::string& field, long most, long& out) {
    if (number(column, field, out) && (out < 0 || out > most)) complain(column, field);
  }
};

bool possible_admin(long bits) {
  constexpr long kPossible[] = {
      0, kForcedMaint, kFileMaint, kFileMaint | kForcedMaint, kFileMaint | kForcedDrain, kForcedDrain};
  return std::ranges::find(kPossible, bits) != std::end(kPossible);
}

bool is_host_name(Str name) {
  constexpr size_t kLongest = 255;
  return name.size() <= kLongest && std::ranges::all_of(name, [](unsigned char c) {
           return isalnum(c) || c == '_' || c == '.' || c == ':' || c == '-';
         });
}

Wanted read(const std::vector<std::string>& f) {
  constexpr long kMostWeight = 256, kMostCheckStatus = 20, kMostResult = 4, kCheckBits = 0x1f, kMostPort = 65535;
  Wanted w;
  long ignored = 0;
  w.bounded("srv_op_state", f[kOperation], kStopping, w.operation);
  if (w.number("srv_admin_state", f[kAdmin], w.admin)) {
    w.name_changed = w.admin & kNameChanged;
    w.admin &= ~(kInheritedDrain | kInheritedMaint | kNoAddress | kNameChanged);
    if (!possible_admin(w.admin)) w.complain("srv_admin_state", f[kAdmin]);
  }
  w.bounded("srv_uweight", f[kWeight], kMostWeight, w.weight);
  w.bounded("srv_iweight", f[kInitialWeight], kMostWeight, w.initial_weight);
  w.number("srv_last_time_change", f[kAge], w.age);
  if (w.number("srv_check_status", f[kCheckStatus], ignored) && ignored > kMostCheckStatus)
    w.complain("srv_check_status", f[kCheckStatus]);
  w.bounded("srv_check_result", f[kCheckResult], kMostResult, ignored);
  w.number("srv_check_health", f[kCheckHealth], ignored);
  if (w.number("srv_check_state", f[kCheckState], ignored) && (ignored & ~kCheckBits))
    w.complain("srv_check_state", f[kCheckState]);
  if (w.number("srv_agent_state", f[kAgentState], ignored) && (ignored & ~kCheckBits))
    w.complain("srv_agent_state", f[kAgentState]);
  w.bounded("bk_f_forced_id", f[kForcedBackendId], 1, ignored);
  w.bounded("srv_f_forced_id", f[kForcedServerId], 1, ignored);
  if (!f[kHostName].starts_with('-')) w.host = f[kHostName];
  if (!is_host_name(w.host)) w.complain("srv_fqdn", w.host);
  if (!leading_number(f[kPort], w.port)) w.port = 0;
  if (w.port < 0 || w.port > kMostPort) w.complain("srv_port", f[kPort]);
  return w;
}

// A change of what the file says wins over what was; without one, what was set at run time goes on.
void set_admin(const model::Server& server, const Wanted& w) {
  model::ServerState& s = *server.state;
  auto set = [&](Admin admin) { s.admin.store(static_cast<uint8_t>(admin)); };
  bool in_file = w.admin & kFileMaint;
  if (in_file != server.disabled)
    set(server.disabled ? Admin::maint : Admin::ready);
  else if (w.admin & kForcedMaint)
    set(Admin::maint);
  else
    set(Admin::ready);
  // A weight of 0 in the file of then made it drain; a weight in the file of now ends that.
  bool drains = (w.admin & kForcedDrain) && (w.initial_weight > 0 || server.weight == 0);
  if (drains && s.admin.load() != static_cast<uint8_t>(Admin::maint)) set(Admin::drain);
}

// One in maintenance is said to be stopped and was not found to be down.
void set_operation(const model::Server& server, const Wanted& w) {
  if (w.admin & (kForcedMaint | kFileMaint)) return;
  server.state->up.store(w.operation != kStopped);
  server.state->stopping.store(w.operation == kStopping);
}

// `init-addr`: whether the address of the file comes before the one that was found, or there was none.
bool takes_last_address(const model::Server& server) {
  Str methods = static_cast<const ServerOptions*>(server.conf)->init_addr;
  if (methods.empty()) methods = "last,libc";
  while (!methods.empty()) {
    Str method = cut(methods, ',');
    if (method == "last") return true;
    if (!server.unresolved) return false;
  }
  return false;
}

void set_address(const model::Model& model, const model::Server& server, const std::vector<std::string>& f,
                 const Wanted& w) {
  net::Addr parsed, to = server.address();
  bool named = !server.host.empty() && !net::parse_ip(server.host, parsed);
  bool moves = named && takes_last_address(server) && net::parse_ip(f[kAddress], parsed);
  if (moves) to = parsed;
  if (!to.is_ip() || (server.unresolved && !moves)) return;
  to.port = static_cast<uint16_t>(w.port);
  if (to == server.address() && !server.unresolved) return;
  server.state->moved.set(to);
  server.local->addr.store(const_cast<model::Model&>(model).arena.make<net::Addr>(to), std::memory_order_release);
}

void Loader::apply(const Proxy& p, const model::Server& server, const std::vector<std::string>& f) const {
  Wanted w = read(f);
  if (!w.problems.empty())
    return warn(fmt::format("server-state application failed for server '{}/{}'{}", p.name, server.name, w.problems));
  set_operation(server, w);
  set_admin(server, w);
  server.state->changed_s.store(time(nullptr) - w.age);
  if (w.initial_weight == server.weight) server.state->weight.store(static_cast<int32_t>(w.weight));
  std::string problem;
  if (w.host.empty() && f[kServiceRecord].starts_with('_')) w.host = f[kServiceRecord];
  net::Addr numeric;
  bool named = !server.host.empty() && !net::parse_ip(server.host, numeric);
  if (!w.host.empty() && !named && f[kServiceRecord].starts_with('_'))
    problem = fmt::format(", no SRV resolution for server '{}'. Previous state not applied", server.name);
  else if (named && w.name_changed && w.host != server.host)
    problem = fmt::format(", the name that was set at run time, '{}', is not looked up", w.host);
  if (problem.empty()) set_address(model_, server, f, w);
  if (!f[kTls].empty() && server.tls) server.state->tls.store(atol(f[kTls].c_str()) != 0);
  if (!problem.empty())
    warn(fmt::format("server-state partially applied for server '{}/{}'{}", p.name, server.name, problem));
}

// --- the words ---

template <Str Global::* member>
void bind_once(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Str& to = scope.global.*member;
  if (!to.empty())
    scope.error(d.where, fmt::format("'{}' was given already", row.name), {},
                fmt::format("'{}' already specified. Continuing.", row.name));
  else
    to = args_of(d, row)[0].text;
}

void bind_source(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  StateSource& to = scope.proxy->s.states;
  if (word == "global")
    to = StateSource::global;
  else if (word == "local")
    to = StateSource::local;
  else if (word == "none")
    to = StateSource::none;
  else
    scope.error(word.where, fmt::format("'{}' is no place of server states", word.text), "global, local or none",
                fmt::format("'{}' expects 'global', 'local' or 'none'. Got '{}'", row.name, word.text));
}

void bind_file_name(void* s, const Directive& d, const Row& row) {
  Words args = args_of(d, row);
  bool own = args.empty() || args[0] == "use-backend-name";
  scope_of(s).proxy->s.state_file = own ? Str() : args[0].text;
}

constexpr Row word(Str name, ContextMask contexts, int8_t min, Inherit inherit, config::BindFn bind, Str syntax,
                   Str help) {
  return {name, contexts, min, 1, Block::none, inherit, bind, syntax, help};
}

constexpr Row kRows[] = {
    word("server-state-base", kGlobal, 1, Inherit::none, bind_once<&Global::server_state_base>, "<directory>",
         "folder of the files with server states"),
    word("server-state-file", kGlobal, 1, Inherit::none, bind_once<&Global::server_state_file>, "<file>",
         "file with the state of all servers, read at start"),
    word("load-server-state-from-file", kBackends, 1, Inherit::copy, bind_source, "{ global | local | none }",
         "where server states are read from at start"),
    word("server-state-file-name", kBackends, 0, Inherit::copy, bind_file_name, "[ { use-backend-name | <file> } ]",
         "state file of this backend's servers"),
};

}  // namespace

void check_state_file(Scope& scope, const Proxy& p) {
  if (!p.is_back() || p.s.states != StateSource::global || !scope.global.server_state_file.empty()) return;
  scope.warning(
      p.where,
      fmt::format("'{}' takes server states from the global file, and there is no 'server-state-file'", p.name),
      "add 'server-state-file FILE' to the global section",
      fmt::format("backend '{}' configured to load server state file from global section 'server-state-file' "
                  "directive. Unfortunately, 'server-state-file' is not set!",
                  p.name));
}

void load_server_states(const model::Model& model, const std::vector<const model::Server*>& fresh,
                        const TellState& tell) {
  if (model.haproxy && !fresh.empty()) Loader(model, fresh, tell).run();
}

const config::Table kStateFileTable = kRows;

}  // namespace weir::haproxy
