#pragma once
// The program file that this process was started from: whether another file has its name now, as after an upgrade of the
// package, and executing that. Made at the very start, where the product's master follows its file; lives as long as the process.
#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace weir::master {

class Program {
 public:
  // Notes the file, the folder and the environment that the process was started with; before any of them changes.
  explicit Program(char** argv);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const std::string& path() const { return path_; }
  // The name leads to another file. False as well when it leads nowhere: there is nothing to take.
  bool replaced() const;
  // What the next program finds in its environment, besides what this one was started with.
  void set(const std::string& name, const std::string& value);
  // Starts the file that has the name in this process, with the arguments of the start, behind `-c` with `check`. The
  // descriptors that it is to have are not closed on exec. Comes back when that fails, with errno.
  void execute(bool check);

 private:
  char** argv_;
  std::string path_;  // absolute
  int folder_;  // where the process was started
  std::vector<std::string> environment_;
  struct stat first_{};
};

}  // namespace weir::master
