// nginx/mime.h: lists of media types.
#include <criterion/criterion.h>

#include "nginx/mime.h"

using namespace weir;

Test(nginx_mime, html_is_always_in_a_list) {
  nginx::TypeList list;
  cr_expect(list.has("text/html"));
  cr_expect(list.has("Text/HTML; charset=utf-8"));
  cr_expect(!list.has("text/plain"));
  cr_expect(!list.has(""));
}

Test(nginx_mime, configured_types_and_all) {
  Arena arena;
  nginx::TypeList list;
  list.types.push(arena, "application/json");
  cr_expect(list.has("application/json ; q=1"));
  cr_expect(!list.has("application/jsonp"));
  list.any = true;
  cr_expect(list.has("image/png"));
  cr_expect(list.has(""));
}
