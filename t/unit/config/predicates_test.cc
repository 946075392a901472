// HAProxy's conditional expressions: config/predicates.cc.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

static Predicates answers() {
  Predicates p;
  p.feature = [](Str s) { return s == "OPENSSL"; };
  p.version_atleast = [](Str s) { return s == "2.4-dev19"; };
  p.version_before = [](Str s) { return s == "9.0"; };
  p.openssl_version_atleast = [](Str s) { return s == "1.1.1"; };
  p.openssl_version_before = [](Str s) { return s == "4.0"; };
  p.ssllib_name_startswith = [](Str s) { return s == "OpenSSL"; };
  p.awslc_api_atleast = [](Str s) { return s == "35"; };
  p.awslc_api_before = [](Str s) { return s == "36"; };
  p.enabled = [](Str s) { return s == "EPOLL"; };
  return p;
}

static char truth(const std::string& condition) {
  ConditionResult r = evaluate_condition(condition, answers());
  return !r.ok ? '?' : r.value ? '1' : '0';
}

static void expect_truth(const std::string& condition, char want) {
  char got = truth(condition);
  cr_expect(got == want, "%.80s is %c", condition.c_str(), got);
}

Test(predicates, numbers) {
  expect_truth("", '0');
  expect_truth("0", '0');
  expect_truth("1", '1');
  expect_truth("-3", '1');
  expect_truth("0x0", '0');
  expect_truth("0x1f", '1');
}

Test(predicates, operators) {
  expect_truth("!0", '1');
  expect_truth("! ! 1", '1');
  expect_truth("1 && 0", '0');
  expect_truth("1&&1", '1');
  expect_truth("0 || 1", '1');
  expect_truth("1 || 1 && 0", '1');
  expect_truth("(1 || 1) && 0", '0');
  expect_truth("!(0 || (1 && 0))", '1');
  expect_truth("0 && 0 || 1 && 1", '1');
}

Test(predicates, strings) {
  expect_truth("streq(a,a)", '1');
  expect_truth("streq(a,b)", '0');
  expect_truth("strneq(a,b)", '1');
  expect_truth("strneq(a,a)", '0');
  expect_truth("strstr(abc,bc)", '1');
  expect_truth("strstr(abc,x)", '0');
  expect_truth("streq(a, a)", '0');
  expect_truth("streq(,)", '1');
  expect_truth("streq('\"a,b\"',\\\"a,b\\\")", '1');
  expect_truth("streq('a\\nb',\\\"a\\\\nb\\\")", '1');
}

Test(predicates, the_programs_answers) {
  expect_truth("feature(OPENSSL)", '1');
  expect_truth("feature(LUA)", '0');
  expect_truth("version_atleast(2.4-dev19)", '1');
  expect_truth("version_atleast(9)", '0');
  expect_truth("version_before(9.0)", '1');
  expect_truth("openssl_version_atleast(1.1.1)", '1');
  expect_truth("openssl_version_before(4.0)", '1');
  expect_truth("ssllib_name_startswith(OpenSSL)", '1');
  expect_truth("ssllib_name_startswith(wolfSSL)", '0');
  expect_truth("awslc_api_atleast(35)", '1');
  expect_truth("awslc_api_before(36)", '1');
  expect_truth("enabled(EPOLL)", '1');
  expect_truth("enabled(KQUEUE)", '0');
  expect_truth("fips_mode()", '0');
  expect_truth("!fips_mode", '1');
}

Test(predicates, no_answer_is_false) {
  ConditionResult r = evaluate_condition("feature(OPENSSL)", {});
  cr_expect(r.ok && !r.value);
}

Test(predicates, environment) {
  setenv("WEIR_UNIT_P", "", 1);
  unsetenv("WEIR_UNIT_Q");
  expect_truth("defined(WEIR_UNIT_P)", '1');
  expect_truth("defined(WEIR_UNIT_Q)", '0');
  expect_truth("defined( WEIR_UNIT_P )", '0');
  expect_truth("streq(\"$WEIR_UNIT_P\",)", '1');
}

Test(predicates, errors) {
  for (const char* bad : {"x", "1 1", "1 &&", "|| 1", "(1", "1)", "!", "foo(1)", "defined", "streq(a)", "streq(a,b,c)",
                          "streq(a,b", "feature OPENSSL", "()", "1 & 1", "streq(a,\"b"})
    cr_expect(truth(bad) == '?', "%s is %c", bad, truth(bad));
  cr_expect(evaluate_condition("streq(a)", {}).error ==
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate 'streq' used in "
            "conditional expression");
  cr_expect(evaluate_condition("1 x", {}).error ==
            "unexpected character 'x' at the end of conditional expression '1 x'");
}

Test(predicates, deep_nesting_is_refused) {
  expect_truth((std::string(100, '(') + "1" + std::string(100, ')')), '1');
  expect_truth((std::string(100000, '(') + "1"), '?');
}
