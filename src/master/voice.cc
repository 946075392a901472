// See master/voice.h. nginx writes "nginx: [emerg] text", HAProxy "[ALERT]    (pid) : text" after naming itself once,
// weir "weir: text".
#include "master/voice.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "config/planned.h"
#include "tools/version.h"

namespace weir::master {

using config::Diagnostic;
using config::Dialect;
using config::Severity;

namespace {

const char* nginx_word(Level level) {
  switch (level) {
    case Level::emerg: return "emerg";
    case Level::alert: return "alert";
    case Level::error: return "error";
    case Level::warn: return "warn";
    case Level::notice: return "notice";
  }
  return "";
}

const char* haproxy_word(Level level) {
  switch (level) {
    case Level::emerg:
    case Level::alert:
    case Level::error: return "[ALERT]   ";
    case Level::warn: return "[WARNING] ";
    case Level::notice: return "[NOTICE]  ";
  }
  return "";
}

// nginx ends each problem of a configuration with its place.
std::string nginx_place(const config::Where& where) {
  if (!where.source || where.line == 0) return {};
  if (where.source->path == config::kCommandLine) return " in command line";
  return fmt::format(" in {}:{}", where.source->path, where.line);
}

const std::string& product_text(const Diagnostic& d) {
  return d.product.empty() ? d.text : d.product;
}

bool refuses(const Diagnostic& d, bool allow_planned) {
  return d.severity == Severity::error || (d.severity == Severity::planned && !allow_planned);
}

std::string refusal(const Diagnostic& d) {
  return d.severity == Severity::planned ? "not built yet: " + config::planned_word(d) : product_text(d);
}

// Reading stops at the first problem in the products, so the first in the text is the first told. Problems in other
// files keep their order.
const Diagnostic* first_refusal(const config::Diagnostics& diag, bool allow_planned) {
  const Diagnostic* first = nullptr;
  for (const Diagnostic& d : diag.all()) {
    if (!refuses(d, allow_planned)) continue;
    if (!first || (d.where.source == first->where.source && d.where.line < first->where.line)) first = &d;
  }
  return first;
}

}  // namespace

// A quiet process keeps what it says for whoever asks.
void Voice::put(const std::string& line, const std::string& coloured) {
  startup_log.add(line);
  if (quiet_ && face_ == Dialect::haproxy) return;
  fputs((coloured.empty() ? line : coloured).c_str(), stderr);
  fflush(stderr);
}

void Voice::restart() {
  std::lock_guard hold(lock_);
  startup_log.begin();
  if (face_ == Dialect::haproxy) introduced_ = started_ = false;
}

void Voice::say(Level level, const std::string& text) {
  std::lock_guard hold(lock_);
  if (log) {
    log(level, text);
    if (started_) return;
  }
  if (quiet_ && level > Level::warn && face_ != Dialect::haproxy) return;
  switch (face_) {
    case Dialect::nginx:
      if (level != Level::notice) put(fmt::format("nginx: [{}] {}\n", nginx_word(level), text));
      return;
    case Dialect::weir: put(fmt::format("weir: {}{}\n", level == Level::warn ? "warning: " : "", text)); return;
    case Dialect::haproxy: break;
  }
  if (!introduced_ && !started_) {
    introduced_ = true;
    say(Level::notice, fmt::format("haproxy version is {}", kHaproxyVersion));
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n > 0) say(Level::notice, "path to executable is " + std::string(path, static_cast<size_t>(n)));
  }
  put(fmt::format("{} ({}) : {}\n", haproxy_word(level), getpid(), text));
}

void Voice::show_nginx(const config::Diagnostics& diag, bool allow_planned) {
  for (const Diagnostic& d : diag.all())
    if (d.severity == Severity::warning) say(Level::warn, product_text(d) + nginx_place(d.where));
  if (const Diagnostic* first = first_refusal(diag, allow_planned))
    say(Level::emerg, refusal(*first) + nginx_place(first->where));
}

void Voice::show_haproxy(const config::Diagnostics& diag, bool allow_planned) {
  bool failed = false;
  std::vector<std::string> files;  // with errors in them
  for (const Diagnostic& d : diag.all()) {
    std::string place;
    if (d.where.source && d.where.line > 0)
      place = fmt::format("parsing [{}:{}] : ", d.where.source->path, d.where.line);
    if (d.severity == Severity::warning) say(Level::warn, "config : " + place + product_text(d));
    if (!refuses(d, allow_planned)) continue;
    say(Level::alert, "config : " + place + refusal(d));
    failed = true;
    if (!place.empty() && std::ranges::find(files, d.where.source->path) == files.end())
      files.push_back(d.where.source->path);
  }
  for (const std::string& file : files)
    say(Level::alert, fmt::format("config : Error(s) found in configuration file : {}", file));
  if (failed) say(Level::alert, "config : Fatal errors found in configuration.");
}

void Voice::show(const config::Diagnostics& diag, bool allow_planned) {
  if (face_ == Dialect::nginx) show_nginx(diag, allow_planned);
  if (face_ == Dialect::haproxy) show_haproxy(diag, allow_planned);
  bool colour = isatty(STDERR_FILENO);
  for (const Diagnostic& d : diag.all()) {
    if (!refuses(d, allow_planned) && !(face_ == Dialect::weir && d.severity >= Severity::warning)) continue;
    Diagnostic shown = d;
    if (d.severity == Severity::planned) shown.text = config::planned_word(d);
    if (log && face_ == Dialect::weir) log(Level::emerg, shown.text + nginx_place(d.where));
    put(config::render(shown, false), colour ? config::render(shown, true) : std::string());
  }
}

Order Voice::order(int signal, bool has_master) const {
  bool haproxy = face_ == Dialect::haproxy;
  switch (signal) {
    case SIGTERM:
    case SIGINT: return Order::stop;
    case SIGQUIT: return haproxy ? Order::state : Order::quit;
    case SIGUSR1: return haproxy ? Order::quit : Order::reopen;
    case SIGHUP: return has_master ? (haproxy ? Order::state : Order::none) : (haproxy ? Order::state : Order::reload);
    default: return Order::none;
  }
}

void Voice::say_ignored(int signal) {
  if (signal == SIGWINCH && isatty(STDIN_FILENO)) return;
  say(Level::warn, fmt::format("SIG{} does nothing here", sigabbrev_np(signal)));
}

int Voice::signal_for(Order order) const {
  bool haproxy = face_ == Dialect::haproxy;
  switch (order) {
    case Order::stop: return SIGTERM;
    case Order::quit: return haproxy ? SIGUSR1 : SIGQUIT;
    case Order::reopen: return haproxy ? 0 : SIGUSR1;
    default: return 0;
  }
}

}  // namespace weir::master
