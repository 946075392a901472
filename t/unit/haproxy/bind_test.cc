// Binding of HAProxy sections: values, inheritance, names, and what is said about mistakes.
#include <criterion/criterion.h>

#include <set>

#include "bound.h"
#include "haproxy/bind.h"

using namespace weir;
using namespace weir::haproxy;
using config::Severity;

Test(haproxy_bind, complete_file_has_no_messages) {
  Bound b(with_front(""));
  cr_assert(b.diag.all().empty(), "%s", b.said().c_str());
  cr_expect_eq(b.model->listeners.size(), 1u);
  cr_expect_eq(b.model->pools.size(), 1u);
  cr_expect(b.proxy("f").fallback.backend == &b.proxy("b"));
}

Test(haproxy_bind, defaults_are_copied_when_the_section_opens) {
  Bound b(
      "defaults\n mode http\n timeout client 5s\n timeout server 7s\n timeout connect 1s\n option httpclose\n"
      "listen a\n bind :8080\n server s 127.0.0.1:1\n no option httpclose\n timeout client 9s\n"
      "defaults\n mode tcp\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
      "listen c\n bind :8081\n server s 127.0.0.1:1\n");
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_expect(b.proxy("a").s.mode == Mode::http);
  cr_expect_eq(b.proxy("a").s.timeouts.client, 9000u);
  cr_expect_eq(b.proxy("a").s.timeouts.server, 7000u);
  cr_expect(!b.proxy("a").s.has(kOptHttpClose));
  cr_expect(b.proxy("c").s.mode == Mode::tcp);
}

Test(haproxy_bind, named_defaults_bring_their_rules_first) {
  Bound b(
      "defaults base\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
      " http-request set-header X-A 1\n"
      "defaults other\n mode http\n"
      "frontend l from base\n bind :8080\n http-request set-header X-B 2\n");
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_expect_eq(b.proxy("l").segment(Ruleset::request).size, 2u);
}

Test(haproxy_bind, lists_of_defaults_are_not_shared) {
  Bound b(
      "defaults d\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
      " http-request set-header X-0 0\n http-request set-header X-1 1\n http-request set-header X-2 2\n"
      "frontend a from d\n bind :1001\n http-request deny\n"
      "frontend c from d\n bind :1002\n http-request return status 204\n");
  const auto& a = b.proxy("a").segment(Ruleset::request);
  const auto& c = b.proxy("c").segment(Ruleset::request);
  cr_assert_eq(a.size, 4u);
  cr_assert_eq(c.size, 4u);
  cr_expect(a.steps[3].run != c.steps[3].run);
}

Test(haproxy_bind, anonymous_defaults_take_no_rules) {
  Bound b("defaults\n mode http\n http-request deny\nlisten l\n bind :1\n server s 127.0.0.1:1\n");
  cr_expect_eq(b.product(), "'http-request' not allowed in anonymous 'defaults' section.");
}

Test(haproxy_bind, unknown_words_name_the_nearest) {
  Bound b(with_front(" default_backnd b"));
  cr_expect_eq(b.error(), "unknown keyword 'default_backnd' in a frontend section");
  cr_expect_eq(b.product(),
               "unknown keyword 'default_backnd' in 'frontend' section; did you mean 'default_backend' maybe ?");
  Bound c(with_front(" http-request set-heder X 1"));
  cr_expect_eq(c.first(Severity::error).remedy, "did you mean 'http-request set-header'?");
}

Test(haproxy_bind, all_errors_are_reported) {
  Bound b(with_front(" foo\n bar\n http-request frobnicate"));
  cr_expect_eq(b.diag.count(Severity::error), 3u);
}

Test(haproxy_bind, wrong_section_names_the_right_ones) {
  Bound b(with_front(" server s 127.0.0.1:1"));
  cr_expect_eq(b.error(), "'server' is not allowed in a frontend section");
  cr_expect(b.first(Severity::error).remedy.starts_with("it may stand in: listen, backend"));
}

Test(haproxy_bind, words_of_the_other_side_do_nothing) {
  Bound b(with_front(" timeout server 1s\n option redispatch"));
  cr_expect_eq(b.error(), "");
  cr_expect_eq(b.diag.count(Severity::warning), 2u);
  cr_expect_eq(b.first(Severity::warning).text, "'timeout server' does nothing in a frontend section");
  cr_expect(b.first(Severity::warning).product.starts_with("'timeout server' ignored because frontend '"));
}

Test(haproxy_bind, missing_arguments) {
  Bound b(with_front(" timeout client"));
  cr_expect_eq(b.error(), "'timeout client' lacks arguments");
}

Test(haproxy_bind, surplus_arguments) {
  Bound b(with_front(" mode http really"));
  cr_expect_eq(b.error(), "'mode' does not take the argument 'really'");
}

Test(haproxy_bind, missing_backend) {
  Bound b(with_front(" use_backend bb if TRUE"));
  cr_expect_eq(b.product(), "Proxy 'f': unable to find required use_backend: 'bb'.");
  Bound c(
      "defaults\n mode http\nfrontend f\n bind :1\n default_backend orgin\nbackend origin\n server s 127.0.0.1:1\n");
  cr_expect_eq(c.first(Severity::error).remedy, "did you mean 'origin'?");
}

Test(haproxy_bind, planned_words_are_named) {
  Bound b(with_front(" email-alert to x"));
  cr_expect_eq(b.first(Severity::planned).text, "not yet: email-alert to");
  cr_expect(!b.diag.failed());
}

Test(haproxy_bind, removed_words_warn_with_their_successor) {
  Bound b(with_front(" reqrep ^GET POST"));
  cr_expect(!b.diag.failed(), "%s", b.said().c_str());
  cr_expect_eq(b.first(Severity::warning).remedy, "use: http-request replace-path or http-request replace-header");
}

Test(haproxy_bind, old_words_act_as_their_successors) {
  Bound b(
      "defaults\n mode http\n clitimeout 5000\n srvtimeout 6000\n contimeout 7000\n"
      "listen l 127.0.0.1:8080\n reqadd X-Old:\\ yes\n redispatch\n server s 127.0.0.1:1\n");
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  const Proxy& p = b.proxy("l");
  cr_expect_eq(p.s.timeouts.client, 5000u);
  cr_expect_eq(p.s.timeouts.connect, 7000u);
  cr_expect(p.s.redispatch);
  cr_expect_eq(p.segment(Ruleset::request).size, 1u);
  cr_expect_eq(p.listeners.size(), 1u);
}

Test(haproxy_bind, same_name_twice) {
  Bound b(with_front("") + "backend b\n server s 127.0.0.1:1\n");
  cr_expect(b.product().starts_with("backend 'b' has the same name as backend 'b' declared at t.cfg:"), "%s",
            b.product().c_str());
}

Test(haproxy_bind, missing_timeouts_warn) {
  Bound b("listen l\n mode http\n bind :8080\n server s 127.0.0.1:1\n");
  cr_expect(b.first(Severity::warning).product.starts_with("missing timeouts for proxy 'l'.\n"));
}

Test(haproxy_bind, frontend_without_bind_warns) {
  Bound b("defaults\n mode http\n timeout client 1s\nfrontend f\n http-request deny\n");
  cr_expect_eq(b.first(Severity::warning).product,
               "frontend 'f' has no 'bind' directive. Please declare it as a backend if this was intended.");
}

Test(haproxy_bind, every_bound_row_has_help) {
  for (const config::Row* row : index().rows()) cr_expect(!row->help.empty(), "%s", std::string(row->name).c_str());
}

Test(haproxy_bind, no_word_is_built_and_planned) {
  std::set<std::pair<std::string, config::ContextMask>> seen;
  for (const config::Row* row : index().rows())
    for (int bit = 0; bit < 40; bit++) {
      if (!(row->contexts >> bit & 1)) continue;
      bool fresh = seen.emplace(std::string(row->name), 1ull << bit).second;
      cr_expect(fresh, "%s has two rows in the context %d", std::string(row->name).c_str(), bit);
    }
}
