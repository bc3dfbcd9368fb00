-- The check for HAProxy, 2.6 or newer: `http-request lua.ostiary <address of the check>`.
--
-- Asks Ostiary about each request, waits at most three seconds, and answers 503 itself to whatever it cannot tell.

local TIMEOUT = 3000 -- milliseconds

-- What of the visitor's request the check reads.
local ASKED = {
    "cookie", "authorization", "accept", "origin", "access-control-request-method", "x-requested-with", "user-agent",
    "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-site",
}
-- What is about Ostiary's answer itself, and not for the application.
local ABOUT_THE_ANSWER = {
    ["cache-control"] = true, ["connection"] = true, ["content-length"] = true, ["content-type"] = true,
    ["date"] = true, ["keep-alive"] = true, ["location"] = true, ["server"] = true, ["set-cookie"] = true,
    ["transfer-encoding"] = true, ["x-envoy-auth-headers-to-remove"] = true,
}
-- What the browser gets of a refusal.
local REFUSAL = { "cache-control", "content-type", "location", "set-cookie", "www-authenticate", "x-ostiary-reason" }

-- A header's name as CGI, WSGI and PHP read it.
local function folded(name)
    return (name:lower():gsub("[^a-z0-9]", "-"))
end

-- HAProxy counts values from 0.
local function values(headers, name)
    local found = {}
    local all = headers[name]
    if all then
        for index = 0, #all do
            if all[index] then
                found[#found + 1] = all[index]
            end
        end
    end
    return found
end

-- Takes away what a visitor brings under a name that belongs to us, however it is spelled.
local function clean(txn, headers, ours)
    for name in pairs(headers) do
        local plain = folded(name)
        if ours[plain] or plain:find("^x%-authentik%-") or plain:find("^x%-ostiary%-")
            or plain:find("^x%-forwarded%-") and plain ~= "x-forwarded-for" or plain:find("^x%-original%-")
            or plain:find("^remote%-") or (plain ~= name:lower() and plain == "x-forwarded-for") then
            txn.http:req_del_header(name)
        end
    end
    -- `Connection: X-authentik-username` would have the application's server drop what is set here.
    local connection = table.concat(values(headers, "connection"), ","):lower()
    if connection ~= "" then
        txn.http:req_del_header("connection")
        if (values(headers, "upgrade")[1] or ""):lower() == "websocket" and connection:find("upgrade", 1, true) then
            txn.http:req_add_header("connection", "upgrade")
        end
    end
end

-- The answer that the visitor gets in place of the application's, or nil for a request that may pass.
local function refusal(txn, url)
    local headers = txn.http:req_get_headers()
    local hosts = values(headers, "host")
    local target = txn.f:url()
    if #hosts ~= 1 or target:sub(1, 1) ~= "/" or target:find("#", 1, true) then
        return { status = 400 }
    end

    local scheme = txn.f:ssl_fc() == 1 and "https" or "http"
    local visitors = values(headers, "x-forwarded-for")
    visitors[#visitors + 1] = txn.f:src()
    local question = {
        ["x-forwarded-proto"] = { scheme },
        ["x-forwarded-host"] = { hosts[1] },
        ["x-forwarded-uri"] = { target },
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-for"] = { table.concat(visitors, ", ") },
    }
    for _, name in ipairs(ASKED) do
        local given = values(headers, name)
        if #given > 0 then
            question[name] = given
        end
    end

    local answer = core.httpclient():get({ url = url, headers = question, timeout = TIMEOUT })
    if answer.status == 302 or answer.status == 401 or answer.status == 403 then
        local told = {}
        for _, name in ipairs(REFUSAL) do
            for _, value in ipairs(values(answer.headers, name)) do
                told[#told + 1] = { name, value }
            end
        end
        return { status = answer.status, headers = told, body = answer.body }
    end
    if answer.status ~= 200 then
        return { status = 503 }
    end

    local ours = {}
    for name in pairs(answer.headers) do
        if not ABOUT_THE_ANSWER[name] then
            ours[folded(name)] = true
        end
    end
    -- What Ostiary lists was for Ostiary, as the Authorization header of a machine, or could pass for an identity.
    local listed = values(answer.headers, "x-envoy-auth-headers-to-remove")[1] or ""
    for name in listed:gmatch("[^%s,]+") do
        txn.http:req_del_header(name)
    end
    clean(txn, headers, ours)
    for name in pairs(answer.headers) do
        if not ABOUT_THE_ANSWER[name] then
            local value = values(answer.headers, name)[1] or ""
            -- The same is said by an empty Authorization.
            if name ~= "authorization" or value ~= "" then
                txn.http:req_add_header(name, value)
            end
        end
    end
    txn.http:req_add_header("x-forwarded-proto", scheme)
    txn.http:req_add_header("x-forwarded-host", hosts[1])
    return nil
end

core.register_action("ostiary", { "http-req" }, function(txn, url)
    -- An error in an action would let the request pass.
    local whole, answer = pcall(refusal, txn, url)
    if not whole then
        txn:Warning("ostiary: " .. tostring(answer))
        answer = { status = 503 }
    end
    if answer then
        local reply = txn:reply({ status = answer.status })
        for _, header in ipairs(answer.headers or {}) do
            reply:add_header(header[1], header[2])
        end
        if answer.body and #answer.body > 0 and txn.f:method() ~= "HEAD" then
            reply:set_body(answer.body)
        end
        txn:done(reply)
    end
end, 1)
