// Stands in for set-misc's set_escape_uri where that module crashes: the request's own bytes, percent-encoded unless
// they are among those that set-misc leaves alone.
const PLAIN = /[A-Za-z0-9!$'()*,.@_`|~-]/;

function requestUri(r) {
    const bytes = r.rawVariables.request_uri;
    let out = '';
    for (let i = 0; i < bytes.length; i++) {
        const char = String.fromCharCode(bytes[i]);
        if (bytes[i] < 128 && PLAIN.test(char)) {
            out += char;
        } else {
            out += '%' + (bytes[i] < 16 ? '0' : '') + bytes[i].toString(16).toUpperCase();
        }
    }
    return out;
}

export default { requestUri };
