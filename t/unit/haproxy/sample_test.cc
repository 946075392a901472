// haproxy/sample.h: the grammar of sample expressions and what is said about mistakes.
#include <criterion/criterion.h>

#include "../expr/world.h"

using weir::test::World;
using namespace weir;

Test(sample, arguments_are_quoted_once_more) {
  World w;
  expect_value(w, "str(a b)", "a b");
  expect_value(w, "str('a,b)')", "a,b)");
  expect_value(w, "str(\"a'b\")", "a'b");
  expect_value(w, "str(a\\ b\\\\c)", "a b\\c");
  expect_value(w, "str('\\n')", "\\n");
  expect_value(w, "str(\\w+)", "\\w+");
  expect_value(w, "str(tab\\tend)", "tab\tend");
}

Test(sample, converters_follow_after_commas) {
  World w;
  expect_value(w, "str(a),upper,lower,,upper", "A");
  expect_value(w, "str(a),upper lower", "[missing comma after 'str(a),upper']");
  std::vector<config::Word> words = test::words_of(w.arena, "str(aXb) upper field(1,X) table t1");
  size_t index = 0;
  const expr::Expr* e = haproxy::parse_sample_words(words, index, w.env);
  cr_assert(e);
  cr_expect(index == 3);
  cr_expect(e->text == "str(aXb),upper,field(1,X)", "%s", std::string(e->text).c_str());
}

Test(sample, mistakes_have_places_and_remedies) {
  World w;
  haproxy::SampleError error;
  cr_expect(!haproxy::parse_sample_text("str(abc),uper", w.env, {}, error));
  cr_expect(error.at == 9 && error.length == 4, "%zu %zu", error.at, error.length);
  cr_expect(error.remedy == "did you mean 'upper'?", "%s", error.remedy.c_str());
  expect_value(w, "", "[missing fetch method]");
  expect_value(w, "hdrr(host)", "[unknown fetch method 'hdrr']");
  expect_value(w, "src(1)", "[fetch method 'src' does not support any args]");
  expect_value(w, "int(12x)", "[invalid arg 1 in fetch method 'int': failed to parse '12x' as type 'integer']");
  expect_value(w, "int()", "[invalid arg 1 in fetch method 'int': expected type 'integer' here, and there is nothing]");
  expect_value(w, "str", "");  // one empty argument, as without anything between parentheses
  expect_value(w, "str(a),bytes(1,2,3)", "[converter 'bytes': too many arguments (got 3, at most 2)]");
  expect_value(w, "str(abc", "[expected ')' at the end of the arguments of 'str']");
  expect_value(w, "str('abc)", "[unmatched quote in the arguments of 'str']");
  expect_value(w, "int(1),add(x)",
               "[invalid arg 1 in converter 'add': expects an integer or a variable name; invalid variable name 'x'. "
               "A variable name must start with its scope. The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', "
               "'(p)res' or 'check']");
}

Test(sample, places) {
  World w;
  haproxy::SampleError error;
  auto at = [&](const char* text, const haproxy::Place& place) {
    const expr::Expr* e = haproxy::parse_sample_text(text, w.env, {}, error);
    cr_assert(e);
    return haproxy::available(*e, place);
  };
  cr_expect(at("path", haproxy::kAtFrontendRequest));
  cr_expect(!at("path", haproxy::kAtBackendResponse));
  cr_expect(!at("path", haproxy::kAtLog));
  cr_expect(at("method", haproxy::kAtLog));
  cr_expect(at("status", haproxy::kAtLog));
  cr_expect(!at("status", haproxy::kAtFrontendRequest));
  cr_expect(at("src", haproxy::kAtConnection));
  cr_expect(!at("ssl_fc", haproxy::kAtConnection));
  cr_expect(at("hdr(a)", haproxy::kAtBackendResponse));
  cr_expect(!at("be_name", haproxy::kAtFrontendRequest));
  cr_expect(at("be_name", haproxy::kAtBackendRequest));
  cr_expect(at("nbsrv(x)", haproxy::kAtFrontendRequest));
  cr_expect(at("date", haproxy::kAtConfig));
  const expr::Expr* e = haproxy::parse_sample_text("path,lower", w.env, {}, error);
  cr_expect(!haproxy::require_available(*e, haproxy::kAtLog, {}, w.diag));
  cr_expect(w.diag.all().back().text ==
            "sample fetch <path> may not be reliably used here because it needs 'HTTP request headers' which "
            "is not available here");
}

Test(sample, names_of_backends_are_resolved_later) {
  World w;
  model::Pool pool;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::ServerLocal local;
  model::Server server;
  model::ServerState state;
  pool.name = "app";
  pool.state = &pool_state;
  pool.local = &pool_local;
  server.name = "s1";
  server.state = &state;
  server.local = &local;
  pool.servers.push_back(&server);
  w.model.add_pool(&pool);
  haproxy::SampleError error;
  const char* samples[] = {"nbsrv(app)", "srv_conn(app/s1)", "be_conn_free(app)"};
  const expr::Expr* exprs[3];
  for (int i = 0; i < 3; i++) exprs[i] = haproxy::parse_sample_text(samples[i], w.env, {}, error);
  haproxy::resolve_references(w.references, w.model, w.diag);
  cr_expect(w.diag.all().empty());
  for (int i = 0; i < 4; i++) state.current.up();
  state.max_conns = 10;
  expr::Value v;
  cr_expect(exprs[0]->eval(w.ctx, v) && v.integer == 1);
  cr_expect(exprs[1]->eval(w.ctx, v) && v.integer == 4);
  cr_expect(exprs[2]->eval(w.ctx, v) && v.integer == 6);
  haproxy::parse_sample_text("nbsrv(ap)", w.env, {}, error);
  haproxy::resolve_references(w.references, w.model, w.diag);
  cr_assert(w.diag.failed());
  cr_expect(w.diag.all()[0].text == "unable to find backend 'ap' referenced in arg 1 of sample fetch keyword 'nbsrv'");
  w.txn.pool = &pool;
  expect_value(w, "nbsrv", "1");
  expect_value(w, "str(app),nbsrv", "1");
  w.model.pools.clear();
  w.model.pools_by_name.clear();
}
