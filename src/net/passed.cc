// See net/passed.h.
#include "net/passed.h"

#include <stdlib.h>
#include <unistd.h>

namespace weir::net {
namespace {

constexpr int kFirst = 3;
constexpr uint64_t kMost = 1024;

std::vector<Passed>& all() {
  static std::vector<Passed> passed;
  return passed;
}

Str variable(const char* name) {
  const char* value = getenv(name);
  return value ? Str(value) : Str();
}

}  // namespace

void note_passed_descriptors() {
  all().clear();
  auto count = parse_u64(variable("LISTEN_FDS"));
  if (!count || *count > kMost || parse_u64(variable("LISTEN_PID")) != static_cast<uint64_t>(getpid())) return;
  Str names = variable("LISTEN_FDNAMES");
  for (int i = 0; i < static_cast<int>(*count); i++) all().push_back({kFirst + i, std::string(cut(names, ':'))});
}

const std::vector<Passed>& passed_descriptors() {
  return all();
}

int passed_descriptor(Str name) {
  for (const Passed& p : all())
    if (p.name == name) return p.fd;
  return -1;
}

}  // namespace weir::net
