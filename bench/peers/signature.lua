-- HMAC-SHA256 by OpenSSL's own function: nginx's Lua brings SHA-1 only.
local ffi = require "ffi"

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_len,
    const unsigned char *data, size_t length, unsigned char *out, unsigned int *out_len);
]]

local crypto = ffi.load("libcrypto.so.3")
local sha256 = crypto.EVP_sha256()
local out = ffi.new("unsigned char[32]")
local hex = {}
for byte = 0, 255 do
    hex[byte] = string.format("%02x", byte)
end

local function of(secret, body)
    crypto.HMAC(sha256, secret, #secret, body, #body, out, nil)
    local digits = { "sha256=" }
    for at = 0, 31 do
        digits[at + 2] = hex[out[at]]
    end
    return table.concat(digits)
end

return { of = of }
