// nginx -T: config/dump.cc.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

Test(dump, each_file_once_in_reading_order) {
  Folder f;
  f.file("inc.conf", "include inc2.conf;");
  f.file("inc2.conf", "#inc2");
  std::string text = "include inc.conf;\ninclude inc.conf;\na;\n";
  std::string main = f.file("nginx.conf", text);
  Lexed l;
  read_brace(l.tree, l.diag, main, Dialect::nginx, {});
  std::string want = "# configuration file " + main + ":\n" + text + "\n# configuration file " + f.path +
                     "/inc.conf:\ninclude inc2.conf;\n# configuration file " + f.path + "/inc2.conf:\n#inc2\n";
  cr_expect(dump(l.tree) == want, "%s", dump(l.tree).c_str());
}

Test(dump, the_command_line_is_no_file) {
  Lexed l;
  read_brace_text(l.tree, l.diag, std::string(kCommandLine), "daemon off;", Dialect::nginx, {});
  cr_expect(dump(l.tree).empty());
}
