// client_body_in_file_only, client_body_in_single_buffer, $request_body_file (ngx_http_core_module); see
// nginx/body_file.h. Bodies are collected into files without a name; one that shall be found gets it when it is complete.
#include "nginx/body_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Transaction;

enum class Keep : uint8_t { off, clean, on };

struct BodyFileConf {
  Setting<Keep> keep;
};

void bind_in_file_only(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  Str w = d.arg(0).text;
  if (w != "on" && w != "off" && w != "clean") return bad_value(scope, d, 0, "on, clean or off");
  static_cast<BodyFileConf*>(scope.conf)->keep = w == "on" ? Keep::on : w == "clean" ? Keep::clean : Keep::off;
}

Keep keep_of(const Level& level) {
  return level.of<BodyFileConf>(kBodyFileModule).keep.get(Keep::off);
}

bool in_file(const Transaction& txn) {
  return txn.collected() && txn.collected()->complete && txn.collected()->fd >= 0;
}

// The same for the whole life of the request, and for no other one.
std::string name_of(const Transaction& txn) {
  return fmt::format("{}/{}-{}", body_folder(*of(txn).location), txn.times.start_us, txn.id);
}

bool request_body_file(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  if (!in_file(*ctx.txn)) return false;
  out = Value::of(ctx.arena->dup(name_of(*ctx.txn)));
  return true;
}

void remove_file(Transaction& txn, const void*) {
  if (in_file(txn)) ::unlink(name_of(txn).c_str());
}

void compile(Scope&, Location& l, void* conf) {
  if (static_cast<BodyFileConf*>(conf)->keep.get(Keep::off) == Keep::clean) l.loggers.push_back({remove_file, nullptr});
}

const Row kTable[] = {
    {"client_body_in_file_only",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_in_file_only,
     "on | clean | off",
     "keeps every request body in a file, which stays (on) or goes with the request (clean)",
     {},
     WEIR_FIELD(BodyFileConf, keep),
     "off"},
    {"client_body_in_single_buffer", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
     "keeps a request body that fits memory in one buffer", "a body in memory is always in one piece"},
};

const VariableDef kVariables[] = {{"request_body_file", request_body_file, false}};

}  // namespace

const std::span<const VariableDef> kBodyFileVariables{kVariables};

Str body_folder(const Level& level) {
  return level.of<CoreConf>(kCoreModule).body_temp_path.get("/tmp");
}

uint32_t body_memory(const Level& level) {
  if (keep_of(level) != Keep::off) return 0;
  uint64_t size = level.of<CoreConf>(kCoreModule).client_body_buffer_size.get(16384);
  return static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX / 2));
}

bool name_body_file(Transaction& txn) {
  if (!in_file(txn) || keep_of(*of(txn).location) == Keep::off) return true;
  std::string file = fmt::format("/proc/self/fd/{}", txn.collected()->fd);
  std::string name = name_of(txn);
  if (::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST) return true;
  log_error(&txn, LogLevel::crit, errno, fmt::format("linkat() \"{}\" failed", name));
  return false;
}

const Module kBodyFileModule{"body_file", sizeof(BodyFileConf), module_create<BodyFileConf>, kTable, nullptr, compile};

}  // namespace weir::nginx
