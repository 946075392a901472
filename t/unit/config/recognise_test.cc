// Guessing the dialect: config/recognise.cc.
#include <criterion/criterion.h>

#include "config/lexer.h"

using namespace weir::config;

Test(recognise, nginx) {
  cr_expect(recognise("user www;\nhttp {\n server {\n listen 80;\n }\n}\n") == Dialect::nginx);
  cr_expect(recognise("server { listen 80; location / { root /a; } }") == Dialect::nginx);
  cr_expect(recognise("listen 80;\nlocation / {\n  proxy_pass http://backend;\n}\n") == Dialect::nginx);
  cr_expect(recognise("") == Dialect::nginx);
}

Test(recognise, nginx_with_words_that_look_like_sections) {
  cr_expect(recognise("map $a $b {\n default x;\n backend\n  y;\n}\n") == Dialect::nginx);
  cr_expect(recognise("log_format x '$a'\n  '$b'\n  '$c';\ncontent_by_lua_block {\n local cache\n cache = {}\n}\n") ==
            Dialect::nginx);
}

Test(recognise, haproxy) {
  cr_expect(recognise("# x\nglobal\n  daemon\n\nfrontend f\n  bind :80\n") == Dialect::haproxy);
  cr_expect(recognise("listen stats :80\r\n  mode http\r\n") == Dialect::haproxy);
  cr_expect(recognise("frontend f\n http-request deny if { path / }\n use_backend b if { path /b }\n") ==
            Dialect::haproxy);
  cr_expect(recognise("bind :80\nmode http\n") == Dialect::haproxy, "a fragment");
}

Test(recognise, weir) {
  cr_expect(recognise("frontend f {\n bind :80;\n}\n") == Dialect::weir);
  cr_expect(recognise("workers auto;\nserver { listen 80; }\nbackend b\n{\n}\n") == Dialect::weir);
}

Test(recognise, words_of_the_process_beside_servers_stand_in_weir_conf_only) {
  cr_expect(recognise("workers 2;\nserver {\n listen 80;\n}\n") == Dialect::weir);
  cr_expect(recognise("user www;\nupstream a { server 127.0.0.1; }\n") == Dialect::weir);
  cr_expect(recognise("user www;\nevents { }\nhttp {\n upstream a {\n }\n server {\n }\n}\n") == Dialect::nginx);
  cr_expect(recognise("error_log /a;\nserver { listen 80; }\n") == Dialect::nginx);
}
