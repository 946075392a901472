// Descriptors that a service manager passes, by the environment.
#include "net/passed.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

using namespace weir::net;

namespace {

void set(const char* count, const std::string& pid, const char* names) {
  setenv("LISTEN_FDS", count, 1);
  setenv("LISTEN_PID", pid.c_str(), 1);
  setenv("LISTEN_FDNAMES", names, 1);
  note_passed_descriptors();
}

}  // namespace

Test(passed, names_belong_to_numbers_from_three_on) {
  set("3", std::to_string(getpid()), "web:admin:web");
  cr_assert_eq(passed_descriptors().size(), 3);
  cr_expect_eq(passed_descriptor("web"), 3);
  cr_expect_eq(passed_descriptor("admin"), 4);
  cr_expect_eq(passed_descriptor("none"), -1);
}

Test(passed, names_may_be_missing) {
  set("2", std::to_string(getpid()), "");
  cr_assert_eq(passed_descriptors().size(), 2);
  cr_expect(passed_descriptors()[1].name.empty());
}

Test(passed, what_is_meant_for_another_process_or_makes_no_sense_is_nothing) {
  set("2", std::to_string(getpid() + 1), "a:b");
  cr_expect(passed_descriptors().empty());
  set("-2", std::to_string(getpid()), "a:b");
  cr_expect(passed_descriptors().empty());
  set("99999999", std::to_string(getpid()), "a:b");
  cr_expect(passed_descriptors().empty());
}
