-- HAProxy's Lua API: core, act and what actions, fetches and converters are given as txn, on the C functions of
-- src/haproxy/lua_api.cc. Run once in every state of a configuration that loads Lua files.
local weir = require "weir.core"
local ffi = require "ffi"

ffi.cdef [[
typedef struct { int type; double number; const char *data; size_t size; } weir_lua_value;

int weir_lua_hap_sample_name(int converter, const char *name, size_t n, weir_lua_str *out);
const void *weir_lua_hap_compile(const char *text, size_t n);
int weir_lua_hap_problem(weir_lua_str *out);
void weir_lua_hap_forget(void);
int weir_lua_hap_fetch(const void *expression, int as_text, weir_lua_value *out);
int weir_lua_hap_convert(const void *expression, const weir_lua_value *in, int as_text, weir_lua_value *out);
const void *weir_lua_hap_variable(const char *name, size_t n);
int weir_lua_hap_get_variable(const void *variable, weir_lua_value *out);
int weir_lua_hap_set_variable(const void *variable, const weir_lua_value *value, int if_exists);
int weir_lua_hap_unset_variable(const void *variable);
void weir_lua_hap_set_header(int response, const char *name, size_t n, const char *value, size_t m, int add);
void weir_lua_hap_del_header(int response, const char *name, size_t n);
void weir_lua_hap_set_request(int part, const char *text, size_t n);
void weir_lua_hap_set_status(int status, const char *reason, size_t n);
void weir_lua_hap_reply(int status, const char *reason, size_t n, const char *body, size_t m);
void weir_lua_hap_reply_header(const char *name, size_t n, const char *value, size_t m);
void weir_lua_hap_log(int global, int level, const char *text, size_t n);
void weir_lua_hap_set_log_level(int level);
]]

local C = ffi.C
local ffi_string = ffi.string
local registered = weir.registered
local out, out2 = weir.out, weir.out2
local value = ffi.new("weir_lua_value[1]")
local input = ffi.new("weir_lua_value[1]")
local type, tostring, tonumber, error, pairs, ipairs, select = type, tostring, tonumber, error, pairs, ipairs, select
local rawset, setmetatable, concat = rawset, setmetatable, table.concat

local REQUEST, RESPONSE = 1, 2

local function string_argument(v, n, name)
  local kind = type(v)
  if kind == "string" then return v end
  if kind == "number" then return tostring(v) end
  error(("bad argument #%d to '%s' (string expected, got %s)"):format(n, name, kind == "nil" and "no value" or kind), 3)
end

-- What a C function left in `value`, of that type.
local function read(kind)
  local v = value[0]
  if kind == 3 then return ffi_string(v.data, v.size) end
  if kind == 2 then return v.number end
  if kind == 1 then return v.number ~= 0 end
  return nil
end

-- Puts `v` into `input`. A text is named there by its address only, so the C function is called at once.
local function write(v)
  local i = input[0]
  local kind = type(v)
  if kind == "string" then
    i.type, i.data, i.size = 3, v, #v
  elseif kind == "number" then
    i.type, i.number = 2, v
  elseif kind == "boolean" then
    i.type, i.number = 1, v and 1 or 0
  else
    i.type = 0
  end
end

-- ---------------------------------------------------------------- core

core = { number = registered.number, thread = 0 }
act = { CONTINUE = 0, STOP = 1, YIELD = 2, ERROR = 3, DONE = 4, DENY = 5, ABORT = 6, INVALID = 7 }

local level_names = { [0] = "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" }
for level, name in pairs(level_names) do core[name] = level end

local function checked_level(level)
  level = tonumber(level)
  if not level or level < 0 or level > 7 then error("bad argument #1 to 'log' (Invalid loglevel.)", 3) end
  return level
end

function core.log(level, message)
  message = string_argument(message, 2, "log")
  C.weir_lua_hap_log(1, checked_level(level), message, #message)
end

for name, level in pairs { Debug = 7, Info = 6, Warning = 4, Alert = 1 } do
  core[name] = function(message)
    message = string_argument(message, 1, name)
    C.weir_lua_hap_log(1, level, message, #message)
  end
end

local function may_wait(done)
  if not done then error("it is not possible to wait here", 3) end
end

function core.msleep(ms)
  may_wait(weir.sleep((tonumber(ms) or error("bad argument #1 to 'msleep' (number expected)", 2)) / 1000))
end

function core.sleep(seconds)
  may_wait(weir.sleep(tonumber(seconds) or error("bad argument #1 to 'sleep' (number expected)", 2)))
end

function core.yield()
  may_wait(weir.sleep(0))
end

-- Ends the script with that result.
function core.done(result)
  weir.exit(tonumber(result) or 0)
end

function core.now()
  local now = C.weir_lua_now()
  local sec = math.floor(now)
  return { sec = sec, usec = math.floor((now - sec) * 1e6 + 0.5) }
end

function core.http_date(seconds)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds)
end

-- A list that grows into one text.
function core.concat()
  local parts = {}
  return {
    add = function(_, s) parts[#parts + 1] = s end,
    dump = function() return concat(parts) end,
  }
end

function core.tokenize(s, separators, no_blank)
  local set = "[" .. separators:gsub("[%]%%^%-]", "%%%0") .. "]"
  local list, at = {}, 1
  while true do
    local from, to = s:find(set, at)
    local token = s:sub(at, (from or #s + 1) - 1)
    if not (no_blank and token == "") then list[#list + 1] = token end
    if not from then return list end
    at = to + 1
  end
end

-- ---------------------------------------------------------------- fetches and converters

local compiled, most_compiled = 0, 1000
local caches = {}

local function quoted(arg)
  return '"' .. tostring(arg):gsub('[\\"]', "\\%0") .. '"'
end

local function compile(cache, key, text)
  if compiled == most_compiled then
    compiled = 0
    C.weir_lua_hap_forget()
    for c in pairs(caches) do
      for k in pairs(c) do c[k] = nil end
    end
  end
  local e = C.weir_lua_hap_compile(text, #text)
  if e == nil then
    C.weir_lua_hap_problem(out)
    error(weir.text(out), 3)
  end
  compiled = compiled + 1
  cache[key] = e
  return e
end

-- The words of a call: "(a,b)", or nothing.
local function arguments(...)
  local n = select("#", ...)
  while n > 0 and (select(n, ...)) == nil do n = n - 1 end
  if n == 0 then return "" end
  local parts = {}
  for i = 1, n do parts[i] = quoted((select(i, ...))) end
  return "(" .. concat(parts, ",") .. ")"
end

local function make_fetch(name, as_text)
  local cache = {}
  caches[cache] = true
  return function(_, first, ...)
    -- One text, or none, is looked up as it is.
    local key = first
    if select("#", ...) > 0 or (first ~= nil and type(first) ~= "string") then
      key = arguments(first, ...)
    elseif first == nil then
      key = false
    end
    local e = cache[key] or compile(cache, key, name .. arguments(first, ...))
    local kind = C.weir_lua_hap_fetch(e, as_text, value)
    if kind == 3 then return ffi_string(value[0].data, value[0].size) end
    if kind == 0 and as_text == 1 then return "" end
    return read(kind)
  end
end

local function make_converter(name, as_text)
  local cache = {}
  caches[cache] = true
  return function(_, v, ...)
    local key = arguments(...)
    local e = cache[key] or compile(cache, key, "str(x)," .. name .. key)
    write(v)
    local kind = C.weir_lua_hap_convert(e, input, as_text, value)
    if kind == 0 and as_text == 1 then return "" end
    return read(kind)
  end
end

-- An object whose methods are made when they are first called.
local function samples(converter, as_text)
  return setmetatable({}, {
    __index = function(t, name)
      if type(name) ~= "string" or C.weir_lua_hap_sample_name(converter, name, #name, out) == 0 then return nil end
      local method = (converter == 1 and make_converter or make_fetch)(weir.text(out), as_text)
      rawset(t, name, method)
      return method
    end,
  })
end

-- ---------------------------------------------------------------- txn.http

local http = {}

local function in_request(name)
  if C.weir_lua_phase() ~= REQUEST then error("'" .. name .. "' works in http-request rules only", 3) end
end

local function in_response(name)
  if C.weir_lua_phase() ~= RESPONSE then error("'" .. name .. "' works in http-response rules only", 3) end
end

-- Names in lower case, each with its values counted from 0.
local function headers(response)
  local all, at = {}, 0
  while true do
    at = C.weir_lua_next_header(response, at, out, out2)
    if at < 0 then return all end
    local name = weir.text(out):lower()
    local list = all[name]
    if not list then
      all[name] = { [0] = weir.text(out2) }
    else
      list[#list + 1] = weir.text(out2)
    end
  end
end

function http.req_get_headers()
  return headers(0)
end

function http.res_get_headers()
  return headers(1)
end

for side, response in pairs { req = 0, res = 1 } do
  local check = response == 0 and in_request or in_response
  local set_name, add_name, del_name = side .. "_set_header", side .. "_add_header", side .. "_del_header"
  http[set_name] = function(_, name, v)
    check(set_name)
    name, v = string_argument(name, 1, set_name), string_argument(v, 2, set_name)
    C.weir_lua_hap_set_header(response, name, #name, v, #v, 0)
  end
  http[add_name] = function(_, name, v)
    check(add_name)
    name, v = string_argument(name, 1, add_name), string_argument(v, 2, add_name)
    C.weir_lua_hap_set_header(response, name, #name, v, #v, 1)
  end
  http[del_name] = function(_, name)
    check(del_name)
    name = string_argument(name, 1, del_name)
    C.weir_lua_hap_del_header(response, name, #name)
  end
end

for name, part in pairs { req_set_method = 0, req_set_path = 1, req_set_query = 2, req_set_uri = 3 } do
  http[name] = function(_, v)
    in_request(name)
    v = string_argument(v, 1, name)
    C.weir_lua_hap_set_request(part, v, #v)
    return true
  end
end

function http.res_set_status(_, status, reason)
  in_response "res_set_status"
  reason = reason and string_argument(reason, 2, "res_set_status") or ""
  C.weir_lua_hap_set_status(tonumber(status) or 0, reason, #reason)
end

-- ---------------------------------------------------------------- replies

local reply = {}
reply.__index = reply

function reply.set_status(self, status, reason)
  self.status, self.reason = status, reason
end

function reply.add_header(self, name, v)
  name = name:lower()
  local list = self.headers[name] or {}
  list[#list + 1] = v
  self.headers[name] = list
end

function reply.del_header(self, name)
  self.headers[name:lower()] = nil
end

function reply.set_body(self, body)
  self.body = body
end

-- ---------------------------------------------------------------- txn

-- There is one such object; what it does concerns the request whose script runs. Fields that a script adds go with that
-- request.
local methods = { http = http, f = samples(0, 0), sf = samples(0, 1), c = samples(1, 0), sc = samples(1, 1) }
local txn = {}

local function kept()
  return weir.keep(C.weir_lua_id())
end

for name, v in pairs(methods) do txn[name] = v end

setmetatable(txn, {
  __index = function(_, name)
    return weir.kept[C.weir_lua_id()] and kept()[name]
  end,
  __newindex = function(_, name, v)
    kept()[name] = v
  end,
})

local function method(name, f)
  rawset(txn, name, f)
end

method("get_priv", function()
  return kept()[txn]
end)

method("set_priv", function(_, v)
  kept()[txn] = v
end)

local variables = {}

local function variable(name)
  local v = variables[name]
  if v == nil then
    v = C.weir_lua_hap_variable(name, #name)
    if v == nil then return nil end
    variables[name] = v
  end
  return v
end

method("set_var", function(_, name, v, if_exists)
  local to = variable(string_argument(name, 1, "set_var"))
  if not to then return false end
  write(v)
  return C.weir_lua_hap_set_variable(to, input, if_exists and 1 or 0) ~= 0
end)

method("unset_var", function(_, name)
  local which = variable(string_argument(name, 1, "unset_var"))
  return which ~= nil and C.weir_lua_hap_unset_variable(which) ~= 0
end)

method("get_var", function(_, name)
  local which = variable(string_argument(name, 1, "get_var"))
  if not which then return nil end
  return read(C.weir_lua_hap_get_variable(which, value))
end)

method("log", function(_, level, message)
  message = string_argument(message, 2, "log")
  C.weir_lua_hap_log(0, checked_level(level), message, #message)
end)

method("deflog", function(_, message)
  message = string_argument(message, 1, "deflog")
  C.weir_lua_hap_log(0, 6, message, #message)
end)

for name, level in pairs { Debug = 7, Info = 6, Warning = 4, Alert = 1 } do
  method(name, function(_, message)
    message = string_argument(message, 1, name)
    C.weir_lua_hap_log(0, level, message, #message)
  end)
end

method("set_loglevel", function(_, level)
  C.weir_lua_hap_set_log_level(checked_level(level))
end)

method("reply", function(_, from)
  from = from or {}
  local headers_of_it = {}
  for name, list in pairs(from.headers or {}) do
    local copy = {}
    for _, v in pairs(list) do copy[#copy + 1] = v end
    headers_of_it[name:lower()] = copy
  end
  return setmetatable({ status = from.status or 200, reason = from.reason, headers = headers_of_it, body = from.body }, reply)
end)

-- Ends the request: with a reply, or without an answer.
method("done", function(_, with)
  local phase = C.weir_lua_phase()
  if phase ~= REQUEST and phase ~= RESPONSE then error("'done' works in actions only", 2) end
  if type(with) == "table" then
    local reason, body = tostring(with.reason or ""), tostring(with.body or "")
    C.weir_lua_hap_reply(with.status or 200, reason, #reason, body, #body)
    for name, list in pairs(with.headers or {}) do
      for _, v in ipairs(list) do
        v = tostring(v)
        C.weir_lua_hap_reply_header(name, #name, v, #v)
      end
    end
  end
  weir.exit(act.ABORT)
end)

-- ---------------------------------------------------------------- what configurations refer to

local function function_argument(f, name)
  if type(f) ~= "function" then error("bad argument to '" .. name .. "' (function expected)", 3) end
end

local contexts = { ["http-req"] = true, ["http-res"] = true, ["http-after-res"] = true, ["tcp-req"] = true, ["tcp-res"] = true }

function core.register_action(name, actions, f, arguments_wanted)
  function_argument(f, "register_action")
  if type(actions) ~= "table" then error("2nd argument of register_action must be a table of strings", 2) end
  local function run(...)
    return f(txn, ...)
  end
  for _, context in pairs(actions) do
    if not contexts[context] then
      error("register_action: action type '" .. tostring(context) .. "' not supported. 'tcp-req', 'tcp-res', 'http-req', "
        .. "'http-res' or 'http-after-res' are expected", 2)
    end
    registered["action/" .. context .. "/" .. name] = run
    registered["arguments/" .. context .. "/" .. name] = arguments_wanted or 0
  end
end

function core.register_fetches(name, f)
  function_argument(f, "register_fetches")
  registered["fetch/" .. name] = function(...)
    return f(txn, ...)
  end
end

function core.register_converters(name, f)
  function_argument(f, "register_converters")
  registered["converter/" .. name] = f
end

function core.register_service(name, mode, f)
  function_argument(f, "register_service")
  registered["service/" .. mode .. "/" .. name] = f
end

local inits = {}

function core.register_init(f)
  function_argument(f, "register_init")
  inits[#inits + 1] = f
end

-- When everything was loaded.
local function run_inits()
  for _, f in ipairs(inits) do f() end
end

return { run_inits = run_inits, txn = txn }
