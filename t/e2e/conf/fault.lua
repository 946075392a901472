-- Waits, then marks the request.
core.register_action("mark", { "http-req" }, function(txn)
  core.msleep(10)
  txn.http:req_set_header("X-Lua", "1")
end)
