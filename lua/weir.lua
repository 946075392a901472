-- weir's own words for scripts, weir-lua(7): choosing a server, the key of stickiness, health checks. Run once in every state of a configuration
-- that loads Lua files, after lua/haproxy.lua or lua/ngx.lua.
local base = require "weir.core"
local ffi = require "ffi"

ffi.cdef [[
int weir_lua_servers(void);
int weir_lua_server_name(int index, weir_lua_str *out);
double weir_lua_server_number(int index, int what);
int weir_lua_request(int part, weir_lua_str *out);
int weir_lua_request_header(const char *name, size_t n, weir_lua_str *out);
int weir_lua_request_cookie(const char *name, size_t n, weir_lua_str *out);
int weir_lua_request_argument(const char *name, size_t n, weir_lua_str *out);
int weir_lua_check_server(int address, weir_lua_str *out);
int weir_lua_check_get(const char *path, size_t n);
int weir_lua_check_answer(weir_lua_str *out);
]]

local C = ffi.C
local registered, out = base.registered, base.out
local type, error, tostring, pairs, rawset, setmetatable = type, error, tostring, pairs, rawset, setmetatable

weir = {}

local function check_arguments(word, name, f)
  if type(name) ~= "string" then error("bad argument #1 to '" .. word .. "' (string expected)", 3) end
  if type(f) ~= "function" then error("bad argument #2 to '" .. word .. "' (function expected)", 3) end
end

-- ---------------------------------------------------------------- choosing a server

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
  check_arguments("balance", name, f)
  local haproxy = package.loaded["weir.haproxy"]
  if not haproxy then error("'balance' is for backends: load the script with lua-load", 2) end
  registered["balance/" .. name] = function() return f(haproxy.txn, servers) end
end

-- ---------------------------------------------------------------- the key of stickiness

-- The request whose key is asked for. There is one such object; its fields are read when they are asked for.
local req = {}
local parts = { method = 0, target = 1, path = 2, query = 3, host = 4, client = 5 }

setmetatable(req, {
  __index = function(_, name)
    local part = parts[name]
    return part and C.weir_lua_request(part, out) ~= 0 and base.text(out) or nil
  end,
})

for name, get in pairs {
  header = C.weir_lua_request_header, cookie = C.weir_lua_request_cookie, argument = C.weir_lua_request_argument,
} do
  rawset(req, name, function(_, which)
    if type(which) ~= "string" then error("bad argument #1 to '" .. name .. "' (string expected)", 2) end
    return get(which, #which, out) ~= 0 and base.text(out) or nil
  end)
end

-- f(req) returns the text that keeps requests together; an empty one: this request goes its own way. `sticky lua NAME`; and a fetch for
-- HAProxy's words, `stick on lua.NAME`, unless the script has registered another one of that name.
function weir.key(name, f)
  check_arguments("key", name, f)
  local function key()
    local text = f(req)
    if type(text) == "number" then text = tostring(text) end
    if type(text) ~= "string" then error("the function returned " .. type(text) .. ", not a text", 0) end
    return text
  end
  registered["key/" .. name] = key
  registered["fetch/" .. name] = registered["fetch/" .. name] or function()
    local text = key()
    return text ~= "" and text or nil
  end
end

-- ---------------------------------------------------------------- health checks

-- The server that is judged. There is one such object; it means that of the check that runs.
local server = setmetatable({}, {
  __index = function(_, name)
    if name ~= "name" and name ~= "address" then return nil end
    return C.weir_lua_check_server(name == "address" and 1 or 0, out) ~= 0 and base.text(out) or nil
  end,
})

-- Asks the server for `path`; gives the status and the body of its answer. Does not come back when there is none: then the server is ill.
rawset(server, "get", function(_, path)
  if type(path) ~= "string" then error("bad argument #1 to 'get' (string expected)", 2) end
  local asked = C.weir_lua_check_get(path, #path)
  if asked < 0 then error("'get' works in health checks only", 2) end
  if asked == 0 then error("'get' takes a path that begins with / and has no blanks", 2) end
  base.yield()
  local status = C.weir_lua_check_answer(out)
  return status, base.text(out)
end)

-- f(server) returns whether the server is well, and else a reason: `health_check lua=NAME`.
function weir.check(name, f)
  check_arguments("check", name, f)
  registered["check/" .. name] = function() return f(server) end
end
