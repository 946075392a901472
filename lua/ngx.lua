-- OpenResty's names, on the C functions of src/nginx/lua_api.cc. Run once in every state of a configuration that has Lua
-- under nginx words.
local core = require "weir.core"
local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[
int weir_lua_ngx_handle(const char *name, size_t n);
int weir_lua_ngx_variable(int handle, weir_lua_str *out);
int weir_lua_ngx_variable_named(const char *name, size_t n, weir_lua_str *out);
int weir_lua_ngx_capture(int number, weir_lua_str *out);
int weir_lua_ngx_set_variable(const char *name, size_t n, const char *value, size_t m);
int weir_lua_ngx_request(int what, weir_lua_str *out);
double weir_lua_ngx_request_number(int what);
void weir_lua_ngx_set_method(const char *token, size_t n);
void weir_lua_ngx_set_uri(const char *uri, size_t n, int jump);
void weir_lua_ngx_set_args(const char *args, size_t n);
void weir_lua_ngx_set_header(const char *name, size_t n, const char *value, size_t m, int add);
void weir_lua_ngx_clear_header(const char *name, size_t n);
int weir_lua_ngx_read_body(void);
double weir_lua_ngx_key(void);
int weir_lua_ngx_response_header(const char *name, size_t n, int index, weir_lua_str *out);
void weir_lua_ngx_clear_response_header(const char *name, size_t n);
void weir_lua_ngx_set_response_header(const char *name, size_t n, const char *value, size_t m, int add);
int weir_lua_ngx_status(void);
void weir_lua_ngx_set_status(int status);
int weir_lua_ngx_say(const char *text, size_t n);
int weir_lua_ngx_headers_sent(void);
void weir_lua_ngx_redirect(const char *uri, size_t n);
void weir_lua_ngx_exec(const char *uri, size_t n, const char *args, size_t m);
int weir_lua_ngx_logged(int level);
void weir_lua_ngx_log(int level, const char *text, size_t n);
]]

local C = ffi.C
local ffi_string = ffi.string
local out, out2 = core.out, core.out2
local text = core.text
local type, tostring, tonumber, error, pairs, ipairs = type, tostring, tonumber, error, pairs, ipairs
local setmetatable, select, concat, floor = setmetatable, select, table.concat, math.floor

local SET, REWRITE, ACCESS, CONTENT, HEADER_FILTER, LOG = 1, 2, 3, 4, 5, 6
local phase_names = { [0] = "init", "set", "rewrite", "access", "content", "header_filter", "log" }
local hook_names = { [0] = "init_by_lua*", "set_by_lua*", "rewrite_by_lua*", "access_by_lua*", "content_by_lua*",
  "header_filter_by_lua*", "log_by_lua*" }

local ngx = { req = {}, resp = {}, config = {}, worker = {}, arg = {} }

local function disabled()
  error("API disabled in the context of " .. (hook_names[C.weir_lua_phase()] or "this hook"), 3)
end

local function with_request()
  if C.weir_lua_phase() == 0 then error("no request found", 3) end
end

-- What OpenResty takes where it wants a text.
local function to_text(v, what)
  local kind = type(v)
  if kind == "string" then return v end
  if kind == "number" then return tostring(v) end
  error("bad argument " .. what .. " (string expected, got " .. kind .. ")", 3)
end

-- ---------------------------------------------------------------- constants

ngx.null = ffi.cast("void *", 0)
ngx.OK, ngx.ERROR, ngx.AGAIN, ngx.DONE, ngx.DECLINED = 0, -1, -2, -4, -5

for i, name in ipairs { "EMERG", "ALERT", "CRIT", "ERR", "WARN", "NOTICE", "INFO", "DEBUG" } do ngx[name] = i end
ngx.STDERR = 0

for name, status in pairs {
  CONTINUE = 100, SWITCHING_PROTOCOLS = 101, OK = 200, CREATED = 201, ACCEPTED = 202, NO_CONTENT = 204,
  PARTIAL_CONTENT = 206, SPECIAL_RESPONSE = 300, MOVED_PERMANENTLY = 301, MOVED_TEMPORARILY = 302, SEE_OTHER = 303,
  NOT_MODIFIED = 304, TEMPORARY_REDIRECT = 307, PERMANENT_REDIRECT = 308, BAD_REQUEST = 400, UNAUTHORIZED = 401,
  PAYMENT_REQUIRED = 402, FORBIDDEN = 403, NOT_FOUND = 404, NOT_ALLOWED = 405, NOT_ACCEPTABLE = 406,
  REQUEST_TIMEOUT = 408, CONFLICT = 409, GONE = 410, UPGRADE_REQUIRED = 426, TOO_MANY_REQUESTS = 429, CLOSE = 444,
  ILLEGAL = 451, INTERNAL_SERVER_ERROR = 500, NOT_IMPLEMENTED = 501, METHOD_NOT_IMPLEMENTED = 501, BAD_GATEWAY = 502,
  SERVICE_UNAVAILABLE = 503, GATEWAY_TIMEOUT = 504, VERSION_NOT_SUPPORTED = 505, INSUFFICIENT_STORAGE = 507,
} do ngx["HTTP_" .. name] = status end

local method_names = {}
for i, name in ipairs { "GET", "HEAD", "POST", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "OPTIONS", "PROPFIND",
  "PROPPATCH", "LOCK", "UNLOCK", "PATCH", "TRACE" } do
  local number = bit.lshift(2, i - 1)
  ngx["HTTP_" .. name] = number
  method_names[number] = name
end

ngx.config.subsystem = "http"
ngx.config.debug = false
ngx.config.nginx_version = 1031000
ngx.config.ngx_lua_version = 10029

-- ---------------------------------------------------------------- variables

local handles = {}

local function variable(name)
  local handle = handles[name]
  if not handle then
    if type(name) == "number" or name:find "^%d+$" then
      if C.weir_lua_ngx_capture(tonumber(name), out) ~= 0 then return text(out) end
      return nil
    end
    handle = C.weir_lua_ngx_handle(name, #name)
    if handle < 0 then
      if C.weir_lua_ngx_variable_named(name, #name, out) ~= 0 then return text(out) end
      return nil
    end
    handles[name] = handle
  end
  if C.weir_lua_ngx_variable(handle, out) ~= 0 then return ffi_string(out[0].data, out[0].size) end
  return nil
end

ngx.var = setmetatable({}, {
  __index = function(_, name)
    if C.weir_lua_phase() == 0 then with_request() end
    if type(name) ~= "string" and type(name) ~= "number" then error("bad variable name", 2) end
    return variable(name)
  end,
  __newindex = function(_, name, value)
    with_request()
    if type(name) ~= "string" then error("bad variable name", 2) end
    local s = value == nil and "" or type(value) == "boolean" and tostring(value) or to_text(value, "#3 to 'ngx.var'")
    if C.weir_lua_ngx_set_variable(name, #name, s, #s) == 0 then
      error('variable "' .. name .. '" not found for writing; maybe it is a built-in variable that is not changeable or '
        .. "you forgot to use \"set $" .. name .. " '';\" in the config file to define it first", 2)
    end
  end,
})

-- ---------------------------------------------------------------- texts and tables

local function escape_char(c)
  return ("%%%02X"):format(c:byte())
end

function ngx.escape_uri(s, kind)
  s = tostring(s)
  if kind == 0 then return (s:gsub("[%z\1-\32\127-\255\"#%%<>?\\^`{|}]", escape_char)) end
  return (s:gsub("[^%w%-._~]", escape_char))
end

local function unescape_char(hex)
  return string.char(tonumber(hex, 16))
end

function ngx.unescape_uri(s)
  return (tostring(s):gsub("%+", " "):gsub("%%(%x%x)", unescape_char))
end
local unescape = ngx.unescape_uri

function ngx.encode_args(args)
  local parts = {}
  local function add(k, v)
    local key = ngx.escape_uri(k)
    if v == true then
      parts[#parts + 1] = key
    elseif v ~= false and v ~= nil then
      parts[#parts + 1] = key .. "=" .. ngx.escape_uri(v)
    end
  end
  for k, v in pairs(args) do
    if type(v) == "table" then
      for _, one in ipairs(v) do add(k, one) end
    else
      add(k, v)
    end
  end
  return concat(parts, "&")
end

local function put(t, key, value)
  local old = t[key]
  if old == nil then
    t[key] = value
  elseif type(old) == "table" then
    old[#old + 1] = value
  else
    t[key] = { old, value }
  end
end

-- The second result is "truncated" where there were more than `max` (0: no limit).
function ngx.decode_args(s, max)
  local args, count = {}, 0
  max = max or 100
  for pair in tostring(s):gmatch "[^&]+" do
    if max > 0 and count == max then return args, "truncated" end
    local key, value = pair:match "^([^=]*)=(.*)$"
    if key ~= "" then
      put(args, unescape(key or pair), key and unescape(value) or true)
      count = count + 1
    end
  end
  return args
end

-- ---------------------------------------------------------------- the request

local req = ngx.req

local function part(what)
  C.weir_lua_ngx_request(what, out)
  return text(out)
end

function req.get_method()
  with_request()
  return part(0)
end

function req.set_method(number)
  local name = method_names[number] or error("unsupported HTTP method: " .. tostring(number), 2)
  C.weir_lua_ngx_set_method(name, #name)
end

function req.http_version()
  with_request()
  return C.weir_lua_ngx_request_number(0) / 10
end

function req.start_time()
  with_request()
  return C.weir_lua_ngx_request_number(1)
end

function req.is_internal()
  with_request()
  return C.weir_lua_ngx_request_number(2) ~= 0
end

function req.raw_header(without_line)
  with_request()
  local head = part(3)
  return without_line and head:gsub("^[^\n]*\n", "") or head
end

-- Names are found however they are written: My_Header and my-header are the same.
local header_names = {
  __index = function(t, name)
    return type(name) == "string" and rawget(t, (name:lower():gsub("_", "-"))) or nil
  end,
}

local function collect(response, max, raw)
  local headers, at, count = {}, 0, 0
  max = max or 100
  while true do
    at = C.weir_lua_next_header(response, at, out, out2)
    if at < 0 then break end
    if max > 0 and count == max then return headers, "truncated" end
    local name = text(out)
    put(headers, raw and name or name:lower(), text(out2))
    count = count + 1
  end
  return raw and headers or setmetatable(headers, header_names)
end

function req.get_headers(max, raw)
  with_request()
  return collect(0, max, raw)
end

function ngx.resp.get_headers(max, raw)
  with_request()
  return collect(1, max, raw)
end

function req.clear_header(name)
  with_request()
  name = to_text(name, "#1 to 'clear_header'")
  C.weir_lua_ngx_clear_header(name, #name)
end

-- A nil value clears, a table makes a line of each of its values.
function req.set_header(name, value)
  if C.weir_lua_phase() == 0 then with_request() end
  if type(name) == "string" and type(value) == "string" then
    C.weir_lua_ngx_set_header(name, #name, value, #value, 0)
    return
  end
  name = to_text(name, "#1 to 'set_header'")
  if value == nil then
    C.weir_lua_ngx_clear_header(name, #name)
  elseif type(value) == "table" then
    C.weir_lua_ngx_clear_header(name, #name)
    for _, one in ipairs(value) do
      one = tostring(one)
      C.weir_lua_ngx_set_header(name, #name, one, #one, 1)
    end
  else
    value = tostring(value)
    C.weir_lua_ngx_set_header(name, #name, value, #value, 0)
  end
end

function req.get_uri_args(max)
  with_request()
  return ngx.decode_args(part(2), max)
end

function req.set_uri_args(args)
  with_request()
  if type(args) == "table" then args = ngx.encode_args(args) end
  args = to_text(args, "#1 to 'set_uri_args'")
  C.weir_lua_ngx_set_args(args, #args)
end

function req.set_uri(uri, jump)
  with_request()
  uri = to_text(uri, "#1 to 'set_uri'")
  if uri == "" then error("attempt to use zero-length uri", 2) end
  if jump and C.weir_lua_phase() ~= REWRITE then disabled() end
  C.weir_lua_ngx_set_uri(uri, #uri, jump and 1 or 0)
  if jump then core.exit(ngx.DECLINED) end
end

function req.read_body()
  with_request()
  local state = C.weir_lua_ngx_read_body()
  if state < 0 then disabled() end
  while state == 0 do
    core.yield()
    state = C.weir_lua_ngx_read_body()
  end
end

function req.get_body_data()
  if C.weir_lua_body(out) ~= 0 then return text(out) end
  return nil
end

function req.get_post_args(max)
  local body = req.get_body_data()
  return body and ngx.decode_args(body, max) or {}
end

-- ---------------------------------------------------------------- the response

ngx.header = setmetatable({}, {
  __index = function(_, name)
    with_request()
    name = to_text(name, "#2 to 'ngx.header'")
    if C.weir_lua_ngx_response_header(name, #name, 0, out) == 0 then return nil end
    local first = text(out)
    if C.weir_lua_ngx_response_header(name, #name, 1, out) == 0 then return first end
    local all, n = { first }, 1
    while C.weir_lua_ngx_response_header(name, #name, n, out) ~= 0 do
      n = n + 1
      all[n] = text(out)
    end
    return all
  end,
  __newindex = function(_, name, value)
    if C.weir_lua_phase() == 0 then with_request() end
    if type(name) == "string" and type(value) == "string" then
      C.weir_lua_ngx_set_response_header(name, #name, value, #value, 0)
      return
    end
    name = to_text(name, "#2 to 'ngx.header'")
    if value == nil then
      C.weir_lua_ngx_clear_response_header(name, #name)
    elseif type(value) == "table" then
      C.weir_lua_ngx_clear_response_header(name, #name)
      for _, one in ipairs(value) do
        one = tostring(one)
        C.weir_lua_ngx_set_response_header(name, #name, one, #one, 1)
      end
    else
      value = tostring(value)
      C.weir_lua_ngx_set_response_header(name, #name, value, #value, 0)
    end
  end,
})

-- The text of what ngx.say and ngx.print take: tables are lists of such things.
local function flat(v, parts)
  local kind = type(v)
  if kind == "table" then
    for i = 1, #v do flat(v[i], parts) end
  elseif kind == "string" or kind == "number" or kind == "boolean" or kind == "nil" then
    parts[#parts + 1] = tostring(v)
  elseif v == ngx.null then
    parts[#parts + 1] = "null"
  else
    error("bad argument to 'print' (string, number, boolean, nil, ngx.null, or array table expected, but got " .. kind .. ")", 4)
  end
end

local function say(line_end, ...)
  local s = ...
  if select("#", ...) ~= 1 or type(s) ~= "string" then
    local parts = {}
    for i = 1, select("#", ...) do flat((select(i, ...)), parts) end
    s = concat(parts)
  end
  s = s .. line_end
  if C.weir_lua_ngx_say(s, #s) == 0 then disabled() end
  return 1
end

function ngx.print(...)
  return say("", ...)
end

function ngx.say(...)
  return say("\n", ...)
end

-- What was said goes out when the handler ends, so there is nothing to do here.
function ngx.flush()
  return 1
end

function ngx.send_headers()
  return say("")
end

function ngx.eof()
  return say("")
end

function ngx.exit(status)
  local phase = C.weir_lua_phase()
  if phase == 0 or phase == SET or phase == LOG then disabled() end
  status = tonumber(status) or error("bad argument #1 to 'exit' (number expected)", 2)
  core.exit(status)
  return status
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

function ngx.redirect(uri, status)
  local phase = C.weir_lua_phase()
  if phase < REWRITE or phase > CONTENT then disabled() end
  uri = to_text(uri, "#1 to 'redirect'")
  status = status or 302
  if not redirects[status] then
    error("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, ngx.HTTP_SEE_OTHER, "
      .. "and ngx.HTTP_TEMPORARY_REDIRECT are allowed", 2)
  end
  if C.weir_lua_ngx_headers_sent() ~= 0 then error("attempt to call ngx.redirect after sending out the headers", 2) end
  C.weir_lua_ngx_redirect(uri, #uri)
  core.exit(status)
end

function ngx.exec(uri, args)
  local phase = C.weir_lua_phase()
  if phase < REWRITE or phase > CONTENT then disabled() end
  uri = to_text(uri, "#1 to 'exec'")
  if type(args) == "table" then args = ngx.encode_args(args) end
  local path, own = uri:match "^([^?]*)%??(.*)$"
  args = args and (own ~= "" and own .. "&" .. args or args) or own
  if path == "" then error("The uri is empty", 2) end
  C.weir_lua_ngx_exec(path, #path, args, #args)
  core.exit(ngx.OK)
end

-- ---------------------------------------------------------------- waiting and time

function ngx.sleep(seconds)
  seconds = tonumber(seconds) or error("bad argument #1 to 'sleep' (number expected)", 2)
  if seconds < 0 then error('invalid sleep duration "' .. seconds .. '"', 2) end
  if not core.sleep(seconds) then disabled() end
end

function ngx.time()
  return floor(C.weir_lua_now())
end

function ngx.now()
  return C.weir_lua_now()
end

function ngx.update_time()
  C.weir_lua_update_time()
end

function ngx.today()
  return os.date("%Y-%m-%d", ngx.time())
end

function ngx.localtime()
  return os.date("%Y-%m-%d %H:%M:%S", ngx.time())
end

function ngx.utctime()
  return os.date("!%Y-%m-%d %H:%M:%S", ngx.time())
end

function ngx.http_time(seconds)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds)
end

function ngx.cookie_time(seconds)
  return os.date("!%a, %d-%b-%y %H:%M:%S GMT", seconds)
end

function ngx.get_phase()
  return phase_names[C.weir_lua_phase()]
end

-- ---------------------------------------------------------------- the error log

local function log(level, ...)
  if C.weir_lua_ngx_logged(level) == 0 then return end
  local info = debug.getinfo(3, "Sln")
  local parts = { "[lua] " }
  if info then
    parts[2] = info.short_src .. ":" .. info.currentline .. ": "
    if info.name and info.name ~= "" then parts[3] = info.name .. "(): " end
  end
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    parts[#parts + 1] = v == ngx.null and "null" or tostring(v)
  end
  local line = concat(parts)
  C.weir_lua_ngx_log(level, line, #line)
end

function ngx.log(level, ...)
  if type(level) ~= "number" or level < 0 or level > 8 then
    error("bad argument #1 to 'log' (bad log level: " .. tostring(level) .. ")", 2)
  end
  log(level == 0 and 1 or level, ...)
end

function print(...)
  log(ngx.NOTICE, ...)
end

-- ---------------------------------------------------------------- what is made when it is asked for

local getters = {
  ctx = function()
    with_request()
    local kept = core.keep(C.weir_lua_ngx_key())
    if not kept.ctx then kept.ctx = {} end
    return kept.ctx
  end,
  status = function()
    with_request()
    return C.weir_lua_ngx_status()
  end,
  headers_sent = function()
    with_request()
    return C.weir_lua_ngx_headers_sent() ~= 0
  end,
}

setmetatable(ngx, {
  __index = function(_, name)
    local get = getters[name]
    return get and get()
  end,
  __newindex = function(t, name, value)
    if name == "ctx" then
      with_request()
      core.keep(C.weir_lua_ngx_key()).ctx = value
    elseif name == "status" then
      with_request()
      C.weir_lua_ngx_set_status(tonumber(value) or 0)
    else
      rawset(t, name, value)
    end
  end,
})

_G.ngx = ngx
return ngx
