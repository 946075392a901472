-- Sets a header to the decoded path, whatever bytes that gives.
core.register_action("set_path_header", { "http-req" }, function(txn)
  txn.http:req_set_header("X-Path", txn.c:url_dec(txn.f:path()))
end)
