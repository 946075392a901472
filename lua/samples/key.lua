-- Keeps the requests of a user together: by the session's cookie, else by the address.
weir.key("user", function(txn)
  local session = txn.sf:req_cook("session")
  return session ~= "" and session or txn.sf:src()
end)
