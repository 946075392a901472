// See master/privileges.h.
#include "master/privileges.h"

#include <errno.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace weir::master {
namespace {

constexpr uint64_t kSpareDescriptors = 256;  // logs, listeners, loops, files

struct Identity {
  bool set_user = false;
  bool set_group = false;
  uid_t user = 0;
  gid_t group = 0;
};

bool find_user(const std::string& name, Identity& out) {
  if (auto number = parse_u64(name)) {
    out.user = static_cast<uid_t>(*number);
  } else {
    const passwd* p = getpwnam(name.c_str());
    if (!p) return false;
    out.user = p->pw_uid;
    if (!out.set_group) out.group = p->pw_gid;
    out.set_group = true;
  }
  out.set_user = true;
  return true;
}

bool find_group(const std::string& name, Identity& out) {
  if (auto number = parse_u64(name)) {
    out.group = static_cast<gid_t>(*number);
  } else {
    const group* g = getgrnam(name.c_str());
    if (!g) return false;
    out.group = g->gr_gid;
  }
  out.set_group = true;
  return true;
}

// glibc has no wrapper for it.
bool set_capabilities(const __user_cap_data_struct (&sets)[_LINUX_CAPABILITY_U32S_3]) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capset, &head, sets) == 0;
}

// As root: what is to be kept, and what is needed to become another user, survives that.
bool keep_capabilities(uint32_t bits, Voice& voice) {
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  sets[0].effective = sets[0].permitted = bits | (1u << CAP_SETUID);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && set_capabilities(sets)) return true;
  voice.say(Level::alert,
            fmt::format("Failed to preset the capabilities to preserve using capset(): {}", strerror(errno)));
  return false;
}

// As the other user: nothing else is left, the right to become a third one least of all. Whoever was started without being root
// uses what the program's file gives.
bool have_capabilities(uint32_t bits, bool changed, Voice& voice) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (!changed && syscall(SYS_capget, &head, sets) != 0) return true;
  if (!changed) bits &= sets[0].permitted;
  sets[0].effective = changed ? bits : sets[0].effective | bits;
  if (changed) sets[0].permitted = bits;
  if (set_capabilities(sets)) return true;
  voice.say(Level::alert,
            fmt::format("Failed to set the capabilities that are kept using capset(): {}", strerror(errno)));
  return !changed;
}

// nginx's worker keeps the user's other groups and can be looked at by that user's debuggers. HAProxy keeps neither
// (set_identity).
bool change(const Identity& id, const std::string& name, uint32_t capabilities, Voice& voice) {
  const bool haproxy = voice.face() == config::Dialect::haproxy;
  bool keeps = capabilities && geteuid() == 0 && id.set_user && id.user != 0;
  if (id.set_group) {
    bool named = !haproxy && !name.empty() && !parse_u64(name);
    if ((named ? initgroups(name.c_str(), id.group) : setgroups(0, nullptr)) != 0)
      voice.say(Level::warn, fmt::format("supplementary groups are kept: {}", strerror(errno)));
    if (setgid(id.group) != 0) {
      voice.say(Level::alert, fmt::format("setgid({}) failed ({}: {})", id.group, errno, strerror(errno)));
      return false;
    }
  }
  if (keeps && !keep_capabilities(capabilities, voice)) return false;
  if (id.set_user && setuid(id.user) != 0) {
    voice.say(Level::alert, fmt::format("setuid({}) failed ({}: {})", id.user, errno, strerror(errno)));
    return false;
  }
  if (capabilities && geteuid() != 0 && !have_capabilities(capabilities, keeps, voice)) return false;
  if (!haproxy) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // a change of user has cleared it
  return true;
}

void set_core_limit(uint64_t size, Voice& voice) {
  rlimit limit{size, size};  // UINT64_MAX is RLIM_INFINITY
  if (setrlimit(RLIMIT_CORE, &limit) == 0) return;
  if (getrlimit(RLIMIT_CORE, &limit) == 0) limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_CORE, &limit);
  voice.say(Level::warn, fmt::format("core files may not grow beyond {} bytes: the limit stays there", limit.rlim_max));
}

void set_descriptor_limit(const model::Process& process, size_t listeners, Voice& voice) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  // nginx counts per worker process, and its workers are our shards.
  uint64_t times = voice.face() == config::Dialect::nginx ? static_cast<uint64_t>(std::max(process.shards, 1)) : 1;
  uint64_t wanted = process.rlimit_nofile * times;
  const uint64_t spare = kSpareDescriptors + listeners;
  bool may_lower = wanted != 0 || process.most_nofile != 0;
  if (wanted == 0 && process.max_conns > 0) wanted = 2 * process.max_conns * times + spare;
  if (voice.face() != config::Dialect::nginx) wanted = std::max(wanted, spare);
  if (process.rlimit_nofile == 0 && process.most_nofile != 0)
    wanted = std::min(std::max<uint64_t>(wanted, limit.rlim_cur), process.most_nofile);
  if (may_lower && wanted < limit.rlim_cur) {
    rlimit lowered{wanted, wanted};
    setrlimit(RLIMIT_NOFILE, &lowered);
    return;
  }
  if (wanted <= limit.rlim_cur) return;
  rlimit raised{wanted, std::max<rlim_t>(wanted, limit.rlim_max)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  raised = {limit.rlim_max, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &raised);
  if (wanted > limit.rlim_max)
    voice.say(Level::warn,
              fmt::format("{} open files are wanted and {} allowed: the limit stays there", wanted, limit.rlim_max));
}

}  // namespace

void set_limits(const model::Model& model, Voice& voice) {
  const model::Process& process = model.process;
  if (process.rlimit_core) set_core_limit(*process.rlimit_core, voice);
  set_descriptor_limit(process, model.listeners.size(), voice);
}

void set_priority(const model::Process& process, Voice& voice) {
  if (process.priority && setpriority(PRIO_PROCESS, 0, *process.priority) != 0)
    voice.say(Level::warn, fmt::format("setpriority({}) failed ({}: {})", *process.priority, errno, strerror(errno)));
}

bool drop_privileges(const model::Process& process, Voice& voice) {
  Identity id;
  std::string user = process.user, group = process.group;
  bool root = geteuid() == 0;
  if (voice.face() == config::Dialect::nginx) {
    if (!root) user.clear(), group.clear();  // the user directive has no effect for anybody but root
    if (root && user.empty()) user = "nobody", group = "nogroup";
  }
  if (!group.empty() && !find_group(group, id)) {
    voice.say(Level::emerg, fmt::format("getgrnam(\"{}\") failed", group));
    return false;
  }
  if (!user.empty() && !find_user(user, id)) {
    voice.say(Level::emerg, fmt::format("getpwnam(\"{}\") failed", user));
    return false;
  }
  if (!process.chroot.empty() && (chroot(process.chroot.c_str()) != 0 || chdir("/") != 0)) {
    voice.say(Level::alert, fmt::format("cannot chroot({}): {}", process.chroot, strerror(errno)));
    return false;
  }
  const bool haproxy = voice.face() == config::Dialect::haproxy;
  if (!change(id, user, process.capabilities, voice)) return false;
  if (process.dumpable) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (haproxy && !process.may_gain_privileges) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (process.working_directory.empty() || chdir(process.working_directory.c_str()) == 0) return true;
  voice.say(Level::alert,
            fmt::format("chdir(\"{}\") failed ({}: {})", process.working_directory, errno, strerror(errno)));
  return false;
}

}  // namespace weir::master
