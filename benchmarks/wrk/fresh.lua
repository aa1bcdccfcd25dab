-- As post.lua, but no two heads are the same: each request has a traceparent and an x-request-id of its own.
local before, between, after
local n = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local body = file:read("*a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[2]
  if args[3] then wrk.headers[args[3]] = args[4] end
  wrk.headers["Traceparent"] = "@TRACE@"
  wrk.headers["X-Request-Id"] = "@ID@"
  local whole = wrk.format(nil, nil, nil, body)
  -- the order of a Lua table is not fixed, so whichever of the two comes first is the first to be filled in
  local a, b = whole:find("@TRACE@", 1, true)
  local c, d = whole:find("@ID@", 1, true)
  if a < c then
    before, between, after = whole:sub(1, a - 1), whole:sub(b + 1, c - 1), whole:sub(d + 1)
    compose = function(trace, id) return before .. trace .. between .. id .. after end
  else
    before, between, after = whole:sub(1, c - 1), whole:sub(d + 1, a - 1), whole:sub(b + 1)
    compose = function(trace, id) return before .. id .. between .. trace .. after end
  end
end

function request()
  n = n + 1
  local trace = string.format("00-4bf92f3577b34da6a3ce%012x-00f067aa%08x-01", n, n)
  return compose(trace, string.format("6f1c2b9e-7d34-4e0a-9c55-%012x", n))
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration, summary.bytes, summary.errors.connect, summary.errors.read,
    summary.errors.write, summary.errors.status, summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
