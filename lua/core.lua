-- What all scripts of weir stand on: the C functions of src/lua/api.cc, waiting, and coroutines through which a wait
-- passes. Run once in every state, before the libraries that give it the products' names; `require "weir.core"` finds it.
local registered, kept = ...

local ffi = require "ffi"

ffi.cdef [[
typedef struct { const char *data; size_t size; } weir_lua_str;

int weir_lua_phase(void);
int weir_lua_sleep(double seconds);
int weir_lua_exit(int status);
int weir_lua_read_body(uint32_t memory, const char *folder, size_t size);
int weir_lua_body(weir_lua_str *out);
double weir_lua_now(void);
void weir_lua_update_time(void);
double weir_lua_id(void);
void weir_lua_keep(double key);
int weir_lua_next_header(int response, int index, weir_lua_str *name, weir_lua_str *value);
]]

local C = ffi.C
local ffi_string = ffi.string
local yield, resume, create = coroutine.yield, coroutine.resume, coroutine.create
local error = error

local core = {
  registered = registered,
  kept = kept,
  out = ffi.new("weir_lua_str[1]"),
  out2 = ffi.new("weir_lua_str[1]"),
}

-- What the outermost coroutine yields when the handler as a whole waits or ends.
local HANDLER = {}

-- Lets the handler wait for what a C function noted.
function core.yield()
  yield(HANDLER)
end

-- Ends the handler; does not come back where handlers run in coroutines.
function core.exit(status)
  if C.weir_lua_exit(status) ~= 0 then yield(HANDLER) end
end

function core.sleep(seconds)
  if C.weir_lua_sleep(seconds) == 0 then return false end
  yield(HANDLER)
  return true
end

-- The text in one of core.out.
function core.text(out)
  return ffi_string(out[0].data, out[0].size)
end

-- Values that go with the transaction: a table by its key.
function core.keep(key)
  local t = kept[key]
  if not t then
    t = {}
    kept[key] = t
    C.weir_lua_keep(key)
  end
  return t
end

-- A wait inside a coroutine that the script made itself has to reach the handler: its resume hands the wait on and comes
-- back to it afterwards.
local function pass(co, ok, what, ...)
  if ok and what == HANDLER then
    yield(HANDLER)
    return pass(co, resume(co))
  end
  return ok, what, ...
end

function coroutine.resume(co, ...)
  return pass(co, resume(co, ...))
end

local function checked(ok, ...)
  if ok then return ... end
  error((...), 0)
end

function coroutine.wrap(f)
  local co = create(f)
  return function(...)
    return checked(pass(co, resume(co, ...)))
  end
end

return core
