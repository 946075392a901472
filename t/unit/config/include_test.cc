// nginx's include: config/include.cc and its use in the brace lexer.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

static void read(Lexed& out, const std::string& path, bool offline = false, Dialect dialect = Dialect::nginx) {
  ReadOptions options;
  options.offline = offline;
  read_brace(out.tree, out.diag, path, dialect, options);
}

Test(include, replaces_itself_in_place) {
  Folder f;
  f.file("b.conf", "x 1; y 2;");
  Lexed l;
  read(l, f.file("nginx.conf", "a; http { include b.conf; z; }\n"));
  cr_expect(l.shape() == "a;http{x|1;y|2;z;};", "%s", l.shape().c_str());
  cr_expect(l.tree.root.block[1].block[0].where.source->path == f.path + "/b.conf");
  cr_expect(l.diag.all().empty());
}

Test(include, is_relative_to_the_main_file) {
  Folder f;
  f.file("sub/one.conf", "include two.conf;");
  f.file("two.conf", "two;");
  Lexed l;
  read(l, f.file("nginx.conf", "include sub/one.conf;"));
  cr_expect(l.shape() == "two;", "%s", l.shape().c_str());
}

Test(include, conf_dir_overrides_the_main_files_folder) {
  Folder f;
  f.file("other/b.conf", "b;");
  ReadOptions options;
  options.conf_dir = f.path + "/other";
  Lexed l;
  read_brace(l.tree, l.diag, f.file("nginx.conf", "include b.conf;"), Dialect::nginx, options);
  cr_expect(l.shape() == "b;", "%s", l.shape().c_str());
}

Test(include, patterns_in_lexical_order) {
  Folder f;
  f.file("d/20.conf", "b;");
  f.file("d/10.conf", "a;");
  f.file("d/x.txt", "no;");
  Lexed l;
  read(l, f.file("nginx.conf", "include d/*.conf; include " + f.path + "/d/[2]0.conf; include none/*;"));
  cr_expect(l.shape() == "a;b;b;", "%s", l.shape().c_str());
  cr_expect(l.diag.all().empty(), "no match is no error");
}

Test(include, missing_is_an_error) {
  Folder f;
  Lexed l;
  read(l, f.file("nginx.conf", "a;\ninclude gone.conf;\nb;"));
  cr_expect(l.errors() == 1 && l.first().where.line == 2 && l.first().where.column == 9);
  cr_expect(l.first().product == "open() \"" + f.path + "/gone.conf\" failed (2: No such file or directory)", "%s",
            l.first().product.c_str());
  cr_expect(l.shape() == "a;b;");
}

Test(include, missing_is_a_note_offline) {
  Folder f;
  Lexed l;
  read(l, f.file("nginx.conf", "include gone.conf;"), true);
  cr_expect(!l.diag.failed() && l.diag.count(Severity::note) == 1);
}

Test(include, etc_nginx_is_the_main_files_folder_offline) {
  Folder f;
  f.file("snippets/a.conf", "include /etc/nginx/b.conf;");
  f.file("b.conf", "b;");
  Lexed l;
  read(l, f.file("nginx.conf", "include /etc/nginx/snippets/*.conf;"), true);
  cr_expect(l.shape() == "b;", "%s", l.shape().c_str());
}

Test(include, etc_nginx_is_itself_else) {
  Folder f;
  f.file("weir-unit-none/a.conf", "a;");
  Lexed l;
  read(l, f.file("nginx.conf", "include /etc/nginx/weir-unit-none/a.conf;"));
  cr_expect(l.errors() == 1 && l.shape().empty());
}

Test(include, other_absolute_paths_may_lie_below_the_main_file_offline) {
  Folder f;
  f.file("no/such/a.conf", "a;");
  Lexed l;
  read(l, f.file("nginx.conf", "include /no/such/*.conf; include /no/such/a.conf;"), true);
  cr_expect(l.shape() == "a;a;", "%s", l.shape().c_str());
}

Test(include, circles) {
  Folder f;
  f.file("b.conf", "b; include nginx.conf;");
  Lexed l;
  read(l, f.file("nginx.conf", "a; include b.conf; c;"));
  cr_expect(l.errors() == 1 && l.first().text.find("includes itself") != std::string::npos);
  cr_expect(l.first().where.source->path == f.path + "/b.conf");
  cr_expect(l.shape() == "a;b;c;", "%s", l.shape().c_str());
}

Test(include, circle_through_another_name) {
  Folder f;
  f.file("d/b.conf", "include d/../d/b.conf;");
  Lexed l;
  read(l, f.file("nginx.conf", "include d/b.conf;"));
  cr_expect(l.errors() == 1);
}

Test(include, twice_is_no_circle_and_one_source) {
  Folder f;
  f.file("b.conf", "b 'c;");
  Lexed l;
  read(l, f.file("nginx.conf", "x { include b.conf; } y { include b.conf; }"));
  cr_expect(l.tree.sources.size() == 2);
  cr_expect(l.errors() == 1, "what is wrong in it is said once");
}

Test(include, blocks_do_not_span_files) {
  Folder f;
  f.file("open.conf", "server {");
  f.file("close.conf", "}");
  Lexed l;
  read(l, f.file("nginx.conf", "include open.conf; a; include close.conf;"));
  cr_expect(l.errors() == 2);
  cr_expect(l.diag.all()[0].text == "unexpected end of file, expecting \"}\"");
  cr_expect(l.diag.all()[1].text == "unexpected \"}\"");
  cr_expect(l.shape() == "server{};a;", "%s", l.shape().c_str());
}

Test(include, malformed) {
  Lexed l;
  brace(l, "include; include a b; include x { y; } z;");
  cr_expect(l.errors() == 3 && l.shape() == "z;", "%s", l.shape().c_str());
  cr_expect(l.first().product == "invalid number of arguments in \"include\" directive");
  cr_expect(l.diag.all()[2].product == "directive \"include\" is not terminated by \";\"");
}

Test(include, a_folder_is_no_file) {
  Folder f;
  f.file("d/x", "");
  Lexed l;
  read(l, f.file("nginx.conf", "include d;"));
  cr_expect(l.errors() == 1 && l.first().text.find("Is a directory") != std::string::npos);
}

Test(include, weir_sections_at_the_top_only) {
  Folder f;
  f.file("s.conf", "backend b { a \"x\"'y'; }");
  Lexed l;
  read(l, f.file("weir.conf", "include s.conf;"), false, Dialect::weir);
  cr_expect(l.shape() == "backend|b{a|<xy>;};", "%s", l.shape().c_str());
}
