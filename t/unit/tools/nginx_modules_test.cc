// What nginx -V says about modules.
#include "tools/nginx_modules.h"

#include <criterion/criterion.h>

using namespace weir;

Test(nginx_modules, built_ones_are_not_denied) {
  std::string text = tools::nginx_configure_arguments();
  cr_expect(text.starts_with(" --with-"));
  cr_expect(tools::nginx_module_built("http_proxy_module"));
  cr_expect(text.find("--without-http_proxy_module") == std::string::npos);
}

Test(nginx_modules, missing_ones_are_said) {
  std::string text = tools::nginx_configure_arguments();
  for (const char* module : {"http_perl_module", "http_image_filter_module", "http_xslt_module"}) {
    cr_expect(!tools::nginx_module_built(module), "%s", module);
    cr_expect(text.find(module) == std::string::npos, "%s", module);
  }
  if (!tools::nginx_module_built("http_scgi_module"))
    cr_expect(text.find("--without-http_scgi_module") != std::string::npos);
}
