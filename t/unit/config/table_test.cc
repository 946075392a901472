// Looking up directive tables: config/table.cc.
#include <criterion/criterion.h>

#include "config/table.h"
#include "lexed.h"

using namespace weir;
using namespace weir::config;

namespace {

constexpr ContextMask kA = 1, kB = 2;

Row row(Str name, ContextMask contexts, Str help = "") {
  Row r;
  r.name = name;
  r.contexts = contexts;
  r.help = help;
  return r;
}

const Row kRows[] = {row("timeout connect", kA),
                     row("timeout", kB),
                     row("server", kA, "a"),
                     row("server", kB, "b"),
                     row("mode", kA | kB),
                     row("http-request set-var", kA),
                     row("tcp-request content accept", kA),
                     row("tcp-request content", kB)};

Directive directive(std::initializer_list<Str> words) {
  Directive d;
  for (Str w : words) {
    d.words.emplace_back();
    d.words.back().text = w;
  }
  return d;
}

struct Fixture {
  Index index;
  Fixture() {
    index.add(kRows);
    index.seal();
  }
};

}  // namespace

Test(table, longest_name_first) {
  Fixture f;
  size_t used = 9;
  auto found = f.index.find(directive({"timeout", "connect", "5s"}), used);
  cr_expect(used == 2 && found.size() == 1 && found[0]->name == "timeout connect");
  found = f.index.find(directive({"timeout", "server", "5s"}), used);
  cr_expect(used == 1 && found.size() == 1 && found[0]->name == "timeout");
  found = f.index.find(directive({"tcp-request", "content", "accept"}), used);
  cr_expect(used == 3 && found.size() == 1);
}

Test(table, context_decides) {
  Fixture f;
  size_t used = 0;
  cr_expect(f.index.find(directive({"server", "x"}), kA, used)->help == "a");
  cr_expect(f.index.find(directive({"server", "x"}), kB, used)->help == "b");
  cr_expect(f.index.find(directive({"server"}), 4, used) == nullptr && used == 0);
  cr_expect(f.index.find(directive({"server"}), used).size() == 2);
  cr_expect(f.index.find(directive({"timeout", "connect"}), kB, used)->name == "timeout" && used == 1);
}

Test(table, unknown) {
  Fixture f;
  size_t used = 9;
  cr_expect(f.index.find(directive({"nope"}), used).empty() && used == 0);
  cr_expect(f.index.find(directive({"http-request", "set-va"}), used).empty());
  cr_expect(f.index.find(directive({"timeoutconnect"}), used).empty());
}

Test(table, arguments_in_parentheses_are_no_part_of_the_name) {
  Fixture f;
  size_t used = 0;
  auto found = f.index.find(directive({"http-request", "set-var(txn.a)", "src"}), used);
  cr_expect(used == 2 && found.size() == 1);
  cr_expect(f.index.find(directive({"mode(x)"}), used).empty(), "names of one word have none");
}

Test(table, by_name) {
  Fixture f;
  cr_expect(f.index.find_name("timeout connect", kA) != nullptr);
  cr_expect(f.index.find_name("timeout connect", kB) == nullptr);
  cr_expect(f.index.find_name("timeout con", kA) == nullptr);
  cr_expect(f.index.find_name("server", kB)->help == "b");
}

Test(table, names_of_a_context) {
  Fixture f;
  std::vector<Str> want = {"mode", "server", "tcp-request content", "timeout"};
  cr_expect(f.index.names(kB) == want);
}

Test(table, several_tables_stay_sorted) {
  static const Row kMore[] = {row("abc", kA), row("zzz", kA)};
  Index index;
  index.add(kRows);
  index.add(kMore);
  index.seal();
  cr_expect(index.rows().size() == 10 && index.rows().front()->name == "abc");
  cr_expect(index.find_name("zzz", kA) && index.find_name("mode", kA));
}
