// See master/program.h.
#include "master/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/str.h"
#include "net/passed.h"

namespace weir::master {
namespace {

// What was executed, symbolic links as they were named. The kernel's own word: argv[0] may say anything.
std::string path_of_program() {
  const char* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (!name) return {};
  if (name[0] == '/') return name;
  std::unique_ptr<char, decltype(&free)> folder(get_current_dir_name(), free);
  return folder ? std::string(folder.get()) + "/" + name : std::string();
}

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Program::Program(char** argv)
    : argv_(argv), path_(path_of_program()), folder_(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  for (char** e = environ; *e; e++) environment_.emplace_back(*e);
  if (stat(path_.c_str(), &first_) != 0) path_.clear();
}

Program::~Program() {
  if (folder_ >= 0) close(folder_);
}

bool Program::replaced() const {
  struct stat now{};
  return !path_.empty() && stat(path_.c_str(), &now) == 0 && !same(now, first_);
}

void Program::set(const std::string& name, const std::string& value) {
  std::erase_if(environment_, [&](const std::string& e) { return e.starts_with(name + "="); });
  environment_.push_back(name + "=" + value);
}

void Program::execute(bool check) {
  if (!net::passed_descriptors().empty()) set("LISTEN_PID", std::to_string(getpid()));
  std::vector<std::string> words{argv_[0]};
  if (check) words.emplace_back("-c");
  for (char** word = argv_ + 1; *word; word++) words.emplace_back(*word);
  std::vector<char*> arguments = pointers(words), environment = pointers(environment_);
  int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0 || fchdir(folder_) == 0) execve(path_.c_str(), arguments.data(), environment.data());
  int error = errno;
  if (here >= 0 && fchdir(here) == 0) close(here);
  errno = error;
}

}  // namespace weir::master
