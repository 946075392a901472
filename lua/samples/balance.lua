-- Sends each request to the server that has the fewest for its weight; of equals, to the first.
--
--   global
--       lua-load /usr/share/weir/lua/samples/balance.lua
--   backend app
--       balance lua.fewest
weir.balance("fewest", function(txn, servers)
  local best, least
  for i = 1, servers:count() do
    local load = servers:current(i) / servers:weight(i)
    if not best or load < least then
      best, least = i, load
    end
  end
  return best
end)
