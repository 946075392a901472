-- Keeps the requests of a user on one server: by the session's cookie, else by the client's address.
--
--   http {
--       init_by_lua_file /usr/share/weir/lua/samples/key.lua;
--       upstream app {
--           server 10.0.0.1:8080;
--           server 10.0.0.2:8080;
--           sticky lua user zone=users:1m timeout=1h;
--       }
--   }
--
-- The same in HAProxy's words:
--
--   global
--       lua-load /usr/share/weir/lua/samples/key.lua
--   backend app
--       stick-table type string len 64 size 100k expire 1h
--       stick on lua.user
weir.key("user", function(req)
  return req:cookie("session") or req.client
end)
