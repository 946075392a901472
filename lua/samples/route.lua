-- Chooses a backend by the first part of the path: /shop/cart goes to the backend "shop".
--
--   global
--       lua-load /usr/share/weir/lua/samples/route.lua
--   frontend web
--       use_backend %[lua.first_part]
--       default_backend app
core.register_fetches("first_part", function(txn)
  return txn.sf:path():match("^/([%w_-]+)") or ""
end)
