// The three printed forms of a value, and the tables of columns.
#include <criterion/criterion.h>

#include "stats/columns.h"
#include "stats/lines.h"

using namespace weir;
using namespace weir::stats;

namespace {
std::string csv(const Field& f) {
  std::string out;
  append_csv(out, f);
  return out;
}
std::string typed(const Field& f, bool shared = false) {
  std::string out;
  append_typed(out, f, shared);
  return out;
}
}  // namespace

Test(stats_field, csv) {
  cr_expect_eq(csv(Field{}), "");
  cr_expect_eq(csv(s32(kAge, -1)), "-1");
  cr_expect_eq(csv(u64(kCounter, UINT64_MAX)), "18446744073709551615");
  cr_expect_eq(csv(text(kName, "plain name")), "plain name");
  cr_expect_eq(csv(text(kName, "a,\"b\"\r\nc")), "\"a,\"\"b\"\" c\"");
  cr_expect_eq(csv(real(kDuration, 1.5)), "1.5");
  cr_expect_eq(csv(real(kDuration, 2)), "2");
}

Test(stats_field, typed) {
  cr_expect_eq(typed(u64(kCounter, 3), true), "MCPP:u64:3");
  cr_expect_eq(typed(text(kName, "x")), "KNSV:str:x");
  cr_expect_eq(typed(u32(kLimit, 7)), "CLPV:u32:7");
}

Test(stats_field, json) {
  std::string out;
  append_json(out, text(kProduct, "a\"b"));
  cr_expect_eq(
      out, R"("tags":{"origin":"Product","nature":"Output","scope":"Service"},"value":{"type":"str","value":"a\"b"})");
}

Test(stats_field, columns_stand_where_tools_look_for_them) {
  auto c = columns();
  cr_assert_eq(c.size(), 119u);
  cr_expect(c[17].name == "status" && c[33].name == "rate" && c[73].name == "addr" && c[99].name == "uweight");
  auto i = info_columns();
  cr_expect(i[0].name == "Name" && i[6].name == "Pid" && i[13].name == "Ulimit-n");
  std::string head;
  append_stat_head(head, Form::plain);
  cr_expect(head.starts_with("# pxname,svname,qcur,") && head.ends_with("cache_hint_hits,-,\n"));
}
