// Which blocks a fragment's words belong in.
#include "tools/fragment.h"

#include <criterion/criterion.h>

#include "config/diag.h"
#include "config/lexer.h"

using namespace weir;

namespace {

std::string blocks_of(const char* text) {
  config::Tree tree;
  config::Diagnostics diag;
  config::read_brace_text(tree, diag, "fragment", text, config::Dialect::nginx, {});
  std::string out;
  for (Str block : tools::infer_blocks(tree)) out.append(out.empty() ? "" : "/").append(block);
  return out;
}

}  // namespace

Test(fragment, whole_configuration_needs_nothing) {
  cr_expect(blocks_of("worker_processes 2; events {} http { server { listen 80; } }").empty());
}

Test(fragment, site_stands_in_http) {
  cr_expect(blocks_of("server { listen 80; location / { proxy_pass http://a; } }") == "http");
  cr_expect(blocks_of("upstream a { server b:1; } server { listen 80; }") == "http");
}

Test(fragment, locations_stand_in_server) {
  cr_expect(blocks_of("location /a { proxy_pass http://b; } location /c { return 404; }") == "http/server");
  cr_expect(blocks_of("listen 80; server_name x;") == "http/server");
}

Test(fragment, shared_words_stand_where_most_fit) {
  cr_expect(blocks_of("proxy_set_header Host $host; proxy_read_timeout 5s;") == "http");
  cr_expect(blocks_of("internal; proxy_pass http://b;") == "http/server/location");
}

Test(fragment, stream_server_is_seen_by_its_words) {
  cr_expect(blocks_of("server { listen 53 udp; proxy_pass dns; proxy_responses 1; }") == "stream");
}

Test(fragment, media_types) {
  cr_expect(blocks_of("text/html html htm; image/png png;") == "http/types");
}

Test(fragment, wrapping_keeps_places) {
  config::Tree tree;
  config::Diagnostics diag;
  config::read_brace_text(tree, diag, "fragment", "\nlisten 80;", config::Dialect::nginx, {});
  tools::wrap(tree, {"http", "server"});
  cr_assert(tree.root.block.size() == 2, "http and events");
  const config::Directive& http = tree.root.block[0];
  cr_assert(http.name() == "http" && http.block.size() == 1);
  cr_assert(http.block[0].name() == "server" && http.block[0].block.size() == 1);
  cr_expect(http.block[0].block[0].where.line == 2);
}
