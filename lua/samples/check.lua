-- A server is well when it answers 200 within a second and says so.
weir.check("ready", function(answer)
  if answer.status ~= 200 then return false, "status " .. answer.status end
  if answer.ms > 1000 then return false, "slow" end
  return answer.body:find("ready", 1, true) ~= nil, "not ready"
end)
