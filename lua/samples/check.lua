-- A server is well when it says that it is ready and what it depends on answers, too.
--
--   http {
--       init_by_lua_file /usr/share/weir/lua/samples/check.lua;
--       upstream app {
--           zone app 64k;
--           server 10.0.0.1:8080;
--           server 10.0.0.2:8080;
--       }
--       server {
--           location / {
--               proxy_pass http://app;
--               health_check lua=ready interval=5s fails=3 passes=2;
--           }
--       }
--   }
weir.check("ready", function(server)
  local status, body = server:get("/health")
  if status ~= 200 then return false, "status " .. status end
  if not body:find("ready", 1, true) then return false, "not ready" end
  status = server:get("/health/dependencies")
  return status < 400, "dependencies: status " .. status
end)
