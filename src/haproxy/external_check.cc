// `option external-check`: a program says whether a server is well: it ends with 0 (configuration.txt 4.2, external-check).
#include <fmt/format.h>
#include <signal.h>
#include <uv.h>

#include <vector>

#include "haproxy/bind.h"
#include "haproxy/checks.h"
#include "haproxy/tables.h"
#include "health/run.h"
#include "proxy/shard.h"

extern "C" char** environ;

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Status;

// A program that runs for a check. Freed by the loop, after it has ended.
struct Child {
  uv_process_t process;
  Run* run;  // null: nobody waits for it any more

  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&process), [](uv_handle_t* h) { delete static_cast<Child*>(h->data); });
  }
};

void ended(uv_process_t* process, int64_t code, int signal) {
  auto* child = static_cast<Child*>(process->data);
  Run* run = child->run;
  if (run) run->extra = nullptr;
  child->close();
  if (!run) return;
  run->set_code(signal ? 255 : static_cast<int>(code));
  run->finish_later(code == 0 && signal == 0 ? Status::process_ok : Status::process_error);
}

void give_up(void* extra) {
  auto* child = static_cast<Child*>(extra);
  if (!child) return;
  child->run = nullptr;
  uv_process_kill(&child->process, SIGKILL);
}

struct Place {
  std::string addr = "NOT_USED", port = "NOT_USED";
  explicit Place(const net::Addr& a) {
    if (!a.is_ip()) return;
    Arena arena;
    addr = a.ip_text(arena);
    port = std::to_string(a.port);
  }
};

std::vector<std::string> environment(const Proxy& p, const model::Server& s, const Place& front, const Place& server) {
  std::vector<std::string> all;
  if (p.s.checks.keeps_environment)
    for (char** v = environ; v && *v; v++)
      if (!Str(*v).starts_with("PATH=")) all.emplace_back(*v);
  Str path = p.s.checks.path.empty() ? Str("/usr/bin:/bin") : p.s.checks.path;
  auto add = [&](Str name, const std::string& value) { all.push_back(fmt::format("{}={}", name, value)); };
  add("PATH", std::string(path));
  add("HAPROXY_PROXY_NAME", std::string(p.name));
  add("HAPROXY_PROXY_ID", std::to_string(p.id));
  add("HAPROXY_PROXY_ADDR", front.addr == "NOT_USED" ? "" : front.addr);
  add("HAPROXY_PROXY_PORT", front.port == "NOT_USED" ? "" : front.port);
  add("HAPROXY_SERVER_NAME", std::string(s.name));
  add("HAPROXY_SERVER_ID", std::to_string(s.number));
  add("HAPROXY_SERVER_ADDR", server.addr == "NOT_USED" ? "" : server.addr);
  add("HAPROXY_SERVER_PORT", server.port == "NOT_USED" ? "" : server.port);
  add("HAPROXY_SERVER_MAXCONN", std::to_string(s.state->max_conns.load()));
  add("HAPROXY_SERVER_CURCONN", std::to_string(std::max(0, s.state->current.read())));
  add("HAPROXY_SERVER_SSL", s.tls_now() ? "1" : "0");
  add("HAPROXY_SERVER_PROTO", p.http() ? "http" : "tcp");
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& t : texts) out.push_back(t.data());
  out.push_back(nullptr);
  return out;
}

Next run_program(Run& run, const void*, bool) {
  const model::Server& s = run.server();
  auto& p = *static_cast<const Proxy*>(run.check().conf);
  Place front(p.listeners.empty() ? net::Addr() : p.listeners[0]->addr), server(s.address());
  std::vector<std::string> args{std::string(p.s.checks.command), front.addr, front.port, server.addr, server.port};
  std::vector<std::string> variables = environment(p, s, front, server);
  std::vector<char*> argv = pointers(args), env = pointers(variables);
  uv_stdio_container_t nothing[3] = {};
  for (auto& n : nothing) n.flags = UV_IGNORE;
  uv_process_options_t options = {};
  options.file = argv[0];
  options.args = argv.data();
  options.env = env.data();
  options.stdio = nothing;
  options.stdio_count = 3;
  options.exit_cb = ended;
  auto* child = new Child{{}, &run};
  child->process.data = child;
  int r = uv_spawn(run.shard().loop.uv(), &child->process, &options);
  run.shard().loop.uv_touched();
  if (r != 0) {
    child->close();
    run.finish(Status::process_error, fmt::format("{}: {}", args[0], uv_strerror(r)));
    return Next::stop;
  }
  run.extra = child;
  run.free_extra = give_up;
  return Next::next;
}

void bind_option(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  CheckRules& rules = rules_of(scope);
  if (d.negated || d.defaulted) {
    if (rules.type == CheckType::outside) rules.type = CheckType::none;
    return;
  }
  health::Program* program = new_program(scope);
  program->outside = true;
  health::Step step;
  step.run = run_program;
  step.number = 1;
  program->steps.push(scope.arena, step);
  rules.type = CheckType::outside;
  rules.protocol = program;
}

void bind_command(void* s, const Directive& d, const Row& row) {
  rules_of(scope_of(s)).command = args_of(d, row)[0].text;
}
void bind_path(void* s, const Directive& d, const Row& row) {
  rules_of(scope_of(s)).path = args_of(d, row)[0].text;
}

void bind_global(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (!args.empty() && args[0] != Str("preserve-env")) {
    scope.error(args[0].where, fmt::format("'{}' is no argument of external-check", args[0].text), "preserve-env");
    return;
  }
  scope.global.external_check = true;
  scope.global.external_check_keeps_env = !args.empty();
}

constexpr Row kRows[] = {
    {"external-check", kGlobal, 0, 1, Block::none, Inherit::none, bind_global, "[preserve-env]",
     "allow programs to be run as health checks"},
    {"external-check command", kBackends, 1, 1, Block::none, Inherit::copy, bind_command, "<command>",
     "program that checks a server"},
    {"external-check path", kBackends, 1, 1, Block::none, Inherit::copy, bind_path, "<path>",
     "PATH of the external check program"},
    {"option external-check", kBackends, 0, 0, Block::none, Inherit::copy, bind_option, "",
     "check servers with a program"},
};

}  // namespace

void settle_external_check(Scope& scope, Proxy& p) {
  if (p.s.checks.type != CheckType::outside) return;
  p.s.checks.keeps_environment = scope.global.external_check_keeps_env;
  if (!scope.global.external_check)
    scope.error(
        p.where, fmt::format("'{}' runs programs as checks, and the global section does not allow that", p.name),
        "write external-check in the global section",
        fmt::format("Proxy '{}': 'option external-check' requires 'external-check' in the global section.", p.name));
  if (p.s.checks.command.empty())
    scope.error(p.where, fmt::format("'{}' names no program that checks its servers", p.name),
                "write external-check command PROGRAM",
                fmt::format("Proxy '{}': 'external-check command' is required with 'option external-check'.", p.name));
}

const config::Table kExternalCheckTable = kRows;

}  // namespace weir::haproxy
