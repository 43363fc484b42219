-- The work of nginx-lua.conf: checks the body's HMAC, with the OpenSSL that nginx has loaded, and
-- answers 202 once Redis has the delivery on disk.
local signature = require "signature"

if ngx.req.get_method() ~= "POST" then
    return ngx.exit(405)
end
ngx.req.read_body()
local body = ngx.req.get_body_data()
if not body then
    return ngx.exit(400)
end
local headers = ngx.req.get_headers()
local claimed = headers["x-hub-signature-256"]
if signature.of(ngx.var.hook_secret, body) ~= claimed then
    return ngx.exit(401)
end

local function entry(...)
    local words = { ... }
    local out = { "*", #words, "\r\n" }
    for _, word in ipairs(words) do
        out[#out + 1] = "$"
        out[#out + 1] = #word
        out[#out + 1] = "\r\n"
        out[#out + 1] = word
        out[#out + 1] = "\r\n"
    end
    return out
end

local redis = ngx.socket.tcp()
redis:settimeout(8000)
local ok, fault = redis:connect(ngx.var.redis)
if not ok then
    ngx.log(ngx.ERR, "redis: ", fault)
    return ngx.exit(503)
end
redis:send(entry("XADD", "deliveries", "*",
    "guid", headers["x-github-delivery"],
    "event", headers["x-github-event"],
    "signature", claimed,
    "body", body))
local answer, broken = redis:receive()
if not answer or answer:sub(1, 1) ~= "$" then
    ngx.log(ngx.ERR, "redis: ", answer or broken)
    return ngx.exit(503)
end
redis:receive(tonumber(answer:sub(2)) + 2)
redis:setkeepalive(60000, 64)
ngx.status = 202
ngx.header["Content-Type"] = "application/json"
local said = '{"status":"accepted"}'
ngx.header["Content-Length"] = #said
ngx.print(said)
