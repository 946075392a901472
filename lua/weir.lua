-- weir's own words for scripts, weir-lua(7): choosing a server. Run once in every state of a configuration that loads Lua files,
-- after lua/haproxy.lua.
local base = require "weir.core"
local txn = require("weir.haproxy").txn
local ffi = require "ffi"

ffi.cdef [[
int weir_lua_servers(void);
int weir_lua_server_name(int index, weir_lua_str *out);
double weir_lua_server_number(int index, int what);
]]

local C = ffi.C
local registered, out = base.registered, base.out
local type, error = type, error

weir = {}

-- The servers that may be picked now, counted from 1. There is one such object; it means those of the pick that runs.
local servers = {}

function servers.count()
  return C.weir_lua_servers()
end

function servers.name(_, i)
  return C.weir_lua_server_name(i, out) ~= 0 and base.text(out) or nil
end

for what, name in ipairs { "weight", "current", "limit" } do
  servers[name] = function(_, i)
    return C.weir_lua_server_number(i, what)
  end
end

-- f(txn, servers) returns the number of a server: `balance lua.NAME`.
function weir.balance(name, f)
  if type(name) ~= "string" then error("bad argument #1 to 'balance' (string expected)", 2) end
  if type(f) ~= "function" then error("bad argument #2 to 'balance' (function expected)", 2) end
  registered["balance/" .. name] = function() return f(txn, servers) end
end
