-- For wrk: sends the films that a file lists, one after another, as raw bodies or as forms.
-- WRK_CLIENTS=32 wrk -c32 -s films.lua URL -- LISTING raw|multipart
-- The last line it prints is one JSON object; `wrong` counts the answers that were not 200. The file that WRK_ANSWERS
-- names, where it is set, gets one byte an answer at once: "." for 200, "x" for any other.

local boundary = "a-boundary-that-no-film-holds"
local films = {}
local turn = 0
local clients = tonumber(os.getenv("WRK_CLIENTS") or math.huge)
local answers
wrong = 0

function init(args)
  if os.getenv("WRK_ANSWERS") then
    answers = assert(io.open(os.getenv("WRK_ANSWERS"), "ab"))
    answers:setvbuf("no")
  end
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
  if answers then answers:write(status == 200 and "." or "x") end
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

-- Before it hands latencies over, wrk "corrects" them for requests that should have been sent at a steady rate and were
-- not: for each latency of over twice the mean it invents shorter ones. These clients send one film after another, and
-- large films take longer: there is nothing to correct. What it added (stats_correct in its stats.c) is taken out again,
-- from the longest down; `counted` tells that as many are left as there were requests.
local function uncorrect(latency, interval)
  local invented, left, counted = {}, {}, 0
  for i = #latency, 1, -1 do
    local value, count = latency(i)
    count = tonumber(count) - (invented[value] or 0)
    if count > 0 then
      counted = counted + count
      left[#left + 1] = {value, count}
      local shorter = value - interval
      while value >= 2 * interval and shorter > interval do
        invented[shorter] = (invented[shorter] or 0) + count
        shorter = shorter - interval
      end
    end
  end
  return left, counted
end

-- The smallest latency that is not shorter than `share` of all; `left` is sorted from the longest.
local function percentile(left, counted, share)
  local longer = counted
  for i = #left, 1, -1 do
    longer = longer - left[i][2]
    if longer <= (1 - share) * counted then return left[i][1] end
  end
  return 0
end

function done(summary, latency)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  local a_client = math.floor(summary.requests / clients) -- as wrk rounds
  local interval = a_client > 0 and math.floor(summary.duration / a_client) or math.huge
  local left, counted = uncorrect(latency, interval)
  io.write(string.format(
    '{"requests": %d, "counted": %d, "microseconds": %d, "wrong": %d, "median": %d, "p99": %d}\n',
    summary.requests, counted, summary.duration, bad,
    percentile(left, counted, 0.5), percentile(left, counted, 0.99)))
end
