// The program: one binary with three faces, told apart by the name it was started under, as busybox does.
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>

#include <exception>
#include <new>

#include "base/memory_limit.h"
#include "base/str.h"
#include "tools/faces.h"

int main(int argc, char** argv) {
  weir::Str name = argc > 0 ? argv[0] : "weir";
  if (size_t slash = name.rfind('/'); slash != weir::Str::npos) name.remove_prefix(slash + 1);
  try {
    if (name.starts_with("nginx")) return weir::tools::nginx_main(argc, argv);
    if (name.starts_with("haproxy")) return weir::tools::haproxy_main(argc, argv);
    return weir::tools::weir_main(argc, argv);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "{}: out of memory{}\n", name, weir::memory_limit());
    return 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", name, e.what());
    return 1;
  }
}
