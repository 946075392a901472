// The program as `nginx`: its options, messages, exit codes and default paths. Called once by main().
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <fstream>

#include "config/include.h"
#include "master/start.h"
#include "master/title.h"
#include "nginx/log_file.h"
#include "tools/faces.h"
#include "tools/nginx_modules.h"
#include "tools/nginx_paths.h"
#include "tools/statistics.h"
#include "tools/version.h"
#include "tools/voice_log.h"

namespace weir::tools {
namespace {

using master::Level;
using master::Voice;

struct Options {
  std::string prefix, conf, error_log, globals, signal;
  bool prefix_given = false;
  bool help = false, version = false, configure = false, test = false, dump = false, quiet = false;
  bool allow_planned = false;
};

int complain(const std::string& text) {
  fmt::print(stderr, "nginx: {}\n", text);
  return 1;
}

bool flag(Options& o, char c) {
  switch (c) {
    case '?':
    case 'h': o.help = o.version = true; return true;
    case 'v': o.version = true; return true;
    case 'V': o.version = o.configure = true; return true;
    case 't': o.test = true; return true;
    case 'T': o.test = o.dump = true; return true;
    case 'q': o.quiet = true; return true;
    default: return false;
  }
}

std::string* valued(Options& o, char c, const char*& what) {
  switch (c) {
    case 'p':
      o.prefix_given = true;
      what = "directory name";
      return &o.prefix;
    case 'e': what = "file name"; return &o.error_log;
    case 'c': what = "file name"; return &o.conf;
    case 'g': what = "parameter"; return &o.globals;
    case 's': what = "parameter"; return &o.signal;
    default: return nullptr;
  }
}

// nginx's own rules: letters may be joined, a value may follow its letter directly. Returns what is wrong, or empty.
std::string parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; i++) {
    const char* p = argv[i];
    if (Str(p) == "--allow-planned") {
      o.allow_planned = true;
      continue;
    }
    if (*p++ != '-') return fmt::format("invalid option: \"{}\"", argv[i]);
    while (*p) {
      char c = *p++;
      if (flag(o, c)) continue;
      const char* what = nullptr;
      std::string* value = valued(o, c, what);
      if (!value) return fmt::format("invalid option: \"{}\"", c);
      if (*p)
        *value = p;
      else if (i + 1 < argc)
        *value = argv[++i];
      else
        return fmt::format("option \"-{}\" requires {}", c, what);
      break;
    }
  }
  Str s = o.signal;
  if (!s.empty() && s != "stop" && s != "quit" && s != "reopen" && s != "reload")
    return fmt::format("invalid option: \"-s {}\"", s);
  return {};
}

void show_version(const Options& o) {
  fmt::print(stderr, "nginx version: nginx/{}\n", kNginxVersion);
  if (o.help) {
    fmt::print(stderr,
               "Usage: nginx [-?hvVtTq] [-s signal] [-p prefix]\n"
               "             [-e filename] [-c filename] [-g directives]\n\n"
               "Options:\n"
               "  -?,-h         : this help\n"
               "  -v            : the version\n"
               "  -V            : the version and which modules are there\n"
               "  -t            : check the configuration\n"
               "  -T            : check the configuration and print all of it\n"
               "  -q            : no messages from a check that succeeds\n"
               "  -s signal     : tell the master process to stop, quit, reopen or reload\n"
               "  -p prefix     : what relative paths are below (default: {})\n"
               "  -e filename   : error log until the configuration names one (default: {})\n"
               "  -c filename   : configuration file (default: {})\n"
               "  -g directives : directives of the main context besides the file's\n"
               "  --allow-planned : start although words are used that weir has not built yet\n\n",
               kNginxPrefix, kNginxErrorLog, kNginxConf);
  }
  if (!o.configure) return;
  fmt::print(stderr, "built by gcc {}\nbuilt with {}", __VERSION__, OPENSSL_VERSION_TEXT);
  Str running = OpenSSL_version(OPENSSL_VERSION);
  if (running != OPENSSL_VERSION_TEXT) fmt::print(stderr, " (running with {})", running);
  fmt::print(stderr,
             "\nTLS SNI support enabled\nweir {}\nconfigure arguments: --prefix={} --conf-path={} --error-log-path={} "
             "--http-log-path={} --pid-path={}{}\n",
             kVersion, kNginxPrefix.substr(0, kNginxPrefix.size() - 1), kNginxConf, kNginxErrorLog, kNginxAccessLog,
             kNginxPid, nginx_configure_arguments());
}

std::string below(const std::string& prefix, std::string path) {
  return path.empty() || path[0] == '/' ? path : prefix + path;
}

// Fills in nginx's defaults; with -p everything is below it.
void complete(Options& o) {
  if (o.prefix_given) {
    if (!o.prefix.empty() && !o.prefix.ends_with('/')) o.prefix += '/';
    if (o.conf.empty()) o.conf = "conf/nginx.conf";
    if (o.error_log.empty()) o.error_log = "logs/error.log";
  } else {
    o.prefix = kNginxPrefix;
    if (o.conf.empty()) o.conf = kNginxConf;
    if (o.error_log.empty()) o.error_log = kNginxErrorLog;
  }
  o.conf = below(o.prefix, o.conf);
}

master::Job make_job(const Options& o, Voice& voice) {
  master::Job job;
  job.voice = &voice;
  LoadRequest& r = job.request;
  r.dialect = config::Dialect::nginx;
  r.files = {o.conf};
  r.globals = o.globals;
  r.read.prefix = o.prefix;
  r.read.conf_dir = config::folder_of(o.conf);
  r.options.face = config::Dialect::nginx;
  r.options.prefix = o.prefix;
  r.options.error_log = o.error_log == "stderr" ? std::string() : o.error_log;
  if (!o.prefix_given) {
    r.options.access_log = kNginxAccessLog;
    r.options.pid_file = kNginxPid;
  }
  r.options.opens_nothing = !o.signal.empty() && !o.test;
  r.options.check_only = o.test || r.options.opens_nothing;
  r.options.allow_planned = o.allow_planned;
  return job;
}

// Messages of the start go to the log of -e too, so it is opened in front of everything.
void try_error_log(const Options& o, Voice& voice) {
  if (o.error_log == "stderr") return;
  std::string path = below(o.prefix, o.error_log);
  int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0)
    close(fd);
  else
    voice.say(Level::alert, fmt::format("could not open error log file: open() \"{}\" failed ({}: {})", path, errno,
                                        strerror(errno)));
}

bool pid_file_works(const std::string& path, Voice& voice) {
  if (path.empty()) return true;
  bool there = access(path.c_str(), F_OK) == 0;
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    voice.say(Level::emerg, fmt::format("open() \"{}\" failed ({}: {})", path, errno, strerror(errno)));
    return false;
  }
  close(fd);
  if (!there) unlink(path.c_str());
  return true;
}

// What cannot be listened on is found by trying. An address in use is no fault: nginx may be running.
bool listeners_work(const model::Model& model, Voice& voice) {
  for (const model::Listener* l : model.listeners) {
    master::Wish wish = master::Wish::of(*l, voice.face());
    wish.reuseport = false;  // a running nginx would lose connections to the one that is tried
    master::Opened opened = master::open_socket(wish);
    if (opened.fd >= 0) {
      close(opened.fd);
      if (wish.family == AF_UNIX && !wish.abstract) unlink(std::string(l->addr.unix_path()).c_str());
    } else if (opened.error != EADDRINUSE) {
      voice.say(Level::emerg, fmt::format("{}() to {} failed ({}: {})", opened.call, l->addr.text(), opened.error,
                                          strerror(opened.error)));
      return false;
    }
  }
  return true;
}

int test(const Options& o, const master::Job& job, const Loaded& loaded, Voice& voice) {
  bool good = loaded.good(o.allow_planned);
  if (good && !o.quiet) complain(fmt::format("the configuration file {} syntax is ok", o.conf));
  if (!good || !pid_file_works(master::pid_file_path(job, loaded.model->process.pid_file), voice) ||
      !listeners_work(*loaded.model, voice))
    return complain(fmt::format("configuration file {} test failed", o.conf));
  if (!o.quiet) complain(fmt::format("configuration file {} test is successful", o.conf));
  if (o.dump) fmt::print("{}", config::dump(*loaded.model->tree));
  return 0;
}

int send_signal(const Options& o, const master::Job& job, const Loaded& loaded, Voice& voice) {
  std::string path = master::pid_file_path(job, loaded.model->process.pid_file);
  std::ifstream file(path);
  if (!file) {
    voice.say(Level::error, fmt::format("open() \"{}\" failed ({}: {})", path, errno, strerror(errno)));
    return 1;
  }
  std::string text;
  file >> text;
  auto pid = parse_u64(text);
  if (!pid || *pid == 0) {
    voice.say(Level::error, fmt::format("invalid PID number \"{}\" in \"{}\"", text, path));
    return 1;
  }
  int signal = o.signal == "stop" ? SIGTERM : o.signal == "quit" ? SIGQUIT : o.signal == "reopen" ? SIGUSR1 : SIGHUP;
  if (kill(static_cast<pid_t>(*pid), signal) == 0) return 0;
  voice.say(Level::alert, fmt::format("kill({}, {}) failed ({}: {})", *pid, signal, errno, strerror(errno)));
  return 1;
}

}  // namespace

int nginx_main(int argc, char** argv) {
  master::Heritage heritage = master::take_heritage();  // before the environment is moved
  master::make_room_for_title(argc, argv);
  Options o;
  if (std::string problem = parse(argc, argv, o); !problem.empty()) return complain(problem);
  if (o.version) {
    show_version(o);
    if (!o.test) return 0;
  }
  complete(o);
  Voice voice(config::Dialect::nginx);
  master::Job job = make_job(o, voice);
  job.argv = argv;
  if (master::use_heritage(job, heritage)) job.daemon = false;
  try_error_log(o, voice);
  Loaded loaded = master::load_and_show(job);
  if (o.test) return test(o, job, loaded, voice);
  if (!o.signal.empty() && loaded.model && !loaded.diag->failed()) return send_signal(o, job, loaded, voice);
  if (!loaded.good(o.allow_planned)) return 1;
  voice.log = log_message;
  job.reopen_logs = nginx::reopen_logs;
  job.close_logs = nginx::close_logs;
  add_statistics(job);
  job.log_paths = nginx::log_paths;
  return master::run(job, std::move(loaded));
}

}  // namespace weir::tools
