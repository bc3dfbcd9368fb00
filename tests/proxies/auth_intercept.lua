-- Does what haproxy-ingress's action auth-intercept does, without its libraries: HAProxy's own client asks.

local function matches(name, globs)
    if name == "content-length" or name == "host" then
        return false
    end
    for glob in globs:gmatch("[^,]+") do
        if name:match("^" .. glob:gsub("[%-%.%+]", "%%%1"):gsub("%*", ".*") .. "$") then
            return true
        end
    end
    return false
end

local function joined(values)
    local found = {}
    for index = 0, #values do
        found[#found + 1] = values[index]
    end
    return table.concat(found, ", ")
end

core.register_action("auth-intercept", { "http-req" }, function(txn, backend, path, method, request, succeed, fail)
    txn:set_var("txn.auth_response_successful", false)
    local address
    for _, server in pairs(core.backends[backend].servers) do
        address = server:get_addr()
    end
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if matches(name, request) then
            headers[name] = { joined(values) }
        end
    end
    local ask = core.httpclient()
    local answer = ask[method:lower()](ask, { url = "http://" .. address .. path, headers = headers, timeout = 5000 })
    if answer.status >= 200 and answer.status < 300 then
        for name, values in pairs(answer.headers) do
            if matches(name, succeed) then
                txn.http:req_set_header(name, joined(values))
            end
        end
        txn:set_var("txn.auth_response_successful", true)
        return
    end
    local reply = txn:reply({ status = answer.status })
    for name, values in pairs(answer.headers) do
        if matches(name, fail) then
            reply:add_header(name, joined(values))
        end
    end
    if answer.body then
        reply:set_body(answer.body)
    end
    txn:done(reply)
end, 6)
