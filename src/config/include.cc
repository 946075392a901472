// See config/include.h.
#include "config/include.h"

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <cerrno>

#include "base/fault.h"

namespace weir::config {
namespace {

constexpr Str kNginxFolder = "/etc/nginx/";

bool read_all(int fd, std::string& text) {
  char buffer[16384];
  for (;;) {
    ssize_t n = fault::read(fault::Site::config_read, fd, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    if (n == 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

std::string full_name(Str name, const std::string& conf_dir, bool offline) {
  std::string folder = conf_dir;
  if (!folder.empty() && !folder.ends_with('/')) folder += '/';
  if (!name.starts_with('/')) return folder.append(name);
  if (!offline) return std::string(name);
  if (name.starts_with(kNginxFolder)) return folder.append(name.substr(kNginxFolder.size()));
  return std::string(name);
}

// True when something matched; the paths are in lexical order, as glob sorts them.
bool matches(const std::string& pattern, std::vector<std::string>& paths) {
  glob_t found = {};
  bool any = glob(pattern.c_str(), 0, nullptr, &found) == 0;
  for (size_t i = 0; any && i < found.gl_pathc; i++) paths.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  return any;
}

}  // namespace

const Source* add_source(Tree& tree, const std::string& path, std::string text) {
  tree.sources.push_back(std::make_unique<Source>(Source{path, std::move(text)}));
  return tree.sources.back().get();
}

const Source* load_source(Tree& tree, const std::string& path, int& error) {
  bool standard_input = path == "-";
  for (const auto& source : tree.sources)
    if (source->path == path) return source.get();
  int fd = standard_input ? STDIN_FILENO : fault::open(fault::Site::config_open, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    error = errno;
    return nullptr;
  }
  std::string text;
  bool ok = read_all(fd, text);
  error = ok ? 0 : errno;
  if (!standard_input) close(fd);
  return ok ? add_source(tree, path, std::move(text)) : nullptr;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

Included find_included(Str name, const std::string& conf_dir, bool offline) {
  Included out;
  std::string path = full_name(name, conf_dir, offline);
  std::string below =
      offline && path.starts_with('/') && name == Str(path) ? full_name(name.substr(1), conf_dir, true) : "";
  out.pattern = path.find_first_of("*?[") != std::string::npos;
  if (out.pattern) {
    if (!matches(path, out.paths) && !below.empty()) matches(below, out.paths);
  } else if (!below.empty() && access(path.c_str(), F_OK) != 0 && access(below.c_str(), F_OK) == 0) {
    out.paths.push_back(below);
  } else {
    out.paths.push_back(path);
  }
  return out;
}

}  // namespace weir::config
