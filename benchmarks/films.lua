-- For wrk: sends the films that a file lists, one after another, as raw bodies or as forms.
-- wrk -s films.lua URL -- LISTING raw|multipart
-- The last line it prints is one JSON object; `wrong` counts the answers that were not 200.

local boundary = "a-boundary-that-no-film-holds"
local films = {}
local turn = 0
wrong = 0

function init(args)
  local is_form = args[2] == "multipart"
  local kind = is_form and "multipart/form-data; boundary=" .. boundary or "image/jpeg"
  local headers = {["Host"] = wrk.host, ["Content-Type"] = kind}
  for line in io.lines(args[1]) do
    local file = assert(io.open(line, "rb"))
    local body = file:read("*a")
    file:close()
    if is_form then
      body = "--" .. boundary .. "\r\n"
        .. 'Content-Disposition: form-data; name="file"; filename="film.jpeg"\r\n'
        .. "Content-Type: image/jpeg\r\n\r\n" .. body .. "\r\n--" .. boundary .. "--\r\n"
    end
    films[#films + 1] = wrk.format("POST", wrk.path, headers, body)
  end
end

function request()
  turn = turn % #films + 1
  return films[turn]
end

function response(status)
  if status ~= 200 then wrong = wrong + 1 end
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "wrong": %d, "median": %d, "p99": %d}\n',
    summary.requests, summary.duration, bad, latency:percentile(50), latency:percentile(99)))
end
