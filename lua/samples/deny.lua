-- Refuses requests whose User-Agent is missing, and counts how many it lets through in a header.
--
--   global
--       lua-load /usr/share/weir/lua/samples/deny.lua
--   frontend web
--       http-request lua.need_agent
local passed = 0

core.register_action("need_agent", { "http-req" }, function(txn)
  if txn.sf:req_hdr("user-agent") == "" then return act.DENY end
  passed = passed + 1
  txn.http:req_set_header("X-Passed", passed)
end)
