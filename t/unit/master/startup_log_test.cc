// What a start has said, over processes: the text that a child adds is the parent's too, until each is done.
#include "master/startup_log.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir::master;

Test(startup_log, keeps_what_was_said_until_the_end) {
  StartupLog log;
  log.add("too early\n");
  cr_assert(log.text().empty());
  log.begin();
  log.add("one\n");
  log.add("two\n");
  cr_assert(log.text() == "one\ntwo\n");
  log.end();
  log.add("three\n");
  cr_assert(log.text() == "one\ntwo\n");
  log.begin();
  cr_assert(log.text().empty());
}

Test(startup_log, is_shared_with_a_child) {
  StartupLog log;
  log.begin();
  log.add("parent\n");
  pid_t child = fork();
  if (child == 0) {
    log.add("child\n");
    log.end();
    log.add("lost\n");
    _exit(log.text() == "parent\nchild\n" ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  cr_assert_eq(status, 0);
  log.add("parent again\n");
  cr_assert(log.text() == "parent\nchild\nparent again\n");
}

Test(startup_log, leaves_out_what_does_not_fit) {
  StartupLog log;
  log.begin();
  std::string line(1000, 'x');
  line += '\n';
  for (int i = 0; i < 100; i++) log.add(line);
  std::string text = log.text();
  cr_assert(text.size() > 60000 && text.size() < 65536 && text.size() % line.size() == 0 && text.ends_with("x\n"));
}
