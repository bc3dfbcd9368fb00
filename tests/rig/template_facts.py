"""What ingress-nginx's template (controller-v1.15.1, rootfs/etc/nginx/template/nginx.tmpl) does for external
authentication, as sentences with the directives that show them.

``{name}`` in a directive stands for a value of the manifest. ``when`` names the annotation that a fact needs (``!``
before it: must be absent). The places are the blocks of the rendered file.
"""

from dataclasses import dataclass
from typing import Literal

Place = Literal["question", "protected", "sign-in", "http"]


@dataclass(frozen=True)
class Fact:
    """``present`` directives stand in the block; nothing in the block begins with one of ``absent``."""

    says: str
    place: Place
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    when: str = ""


FACTS = (
    Fact(
        "The question is asked at an internal exact location, unlogged.",
        "question",
        present=("internal;", "access_log off;"),
    ),
    Fact(
        "Host is the auth-url's host without its port.",
        "question",
        present=("proxy_set_header Host {auth_host};",),
    ),
    Fact(
        "The original URL has the scheme of this connection, the Host header and the raw request target.",
        "question",
        present=(
            "proxy_set_header X-Original-URL $scheme://$http_host$request_uri;",
            "proxy_set_header X-Original-Method $request_method;",
        ),
    ),
    Fact(
        "The controller names itself.",
        "question",
        present=('proxy_set_header X-Sent-From "nginx-ingress-controller";',),
    ),
    Fact(
        "The visitor's address is the peer's; a list that the visitor sent is dropped.",
        "question",
        present=("proxy_set_header X-Real-IP $remote_addr;", "proxy_set_header X-Forwarded-For $remote_addr;"),
    ),
    Fact("X-Forwarded-Proto is removed.", "question", present=('proxy_set_header X-Forwarded-Proto "";',)),
    Fact(
        "X-Auth-Request-Redirect is the path alone.",
        "question",
        present=("proxy_set_header X-Auth-Request-Redirect $request_uri;",),
    ),
    Fact("A request id goes along.", "question", present=("proxy_set_header X-Request-ID $req_id;",)),
    Fact(
        "Bodies stay away from the authentication service.",
        "question",
        present=("proxy_pass_request_body off;", 'proxy_set_header Content-Length "";'),
    ),
    Fact("All other headers of the visitor pass.", "question", present=("proxy_pass_request_headers on;",)),
    Fact(
        "X-Forwarded-Uri, -Method, -Port and Forwarded are the visitor's: nothing sets them.",
        "question",
        absent=(
            "proxy_set_header X-Forwarded-Uri",
            "proxy_set_header X-Forwarded-Method",
            "proxy_set_header X-Forwarded-Port",
            "proxy_set_header Forwarded",
        ),
    ),
    Fact(
        "X-Forwarded-Host is the visitor's unless a snippet sets it.",
        "question",
        absent=("proxy_set_header X-Forwarded-Host",),
        when="!auth-snippet",
    ),
    Fact("The snippet stands as it was written.", "question", present=("{auth_snippet}",), when="auth-snippet"),
    Fact(
        "Without auth-method the question is a GET and says nothing of X-Original-URI.",
        "question",
        absent=("proxy_method", "proxy_set_header X-Original-URI", "proxy_set_header X-Scheme"),
        when="!auth-method",
    ),
    Fact(
        "auth-method sets the question's method, and X-Original-URI and X-Scheme.",
        "question",
        present=(
            "proxy_method {auth_method};",
            "proxy_set_header X-Original-URI $request_uri;",
            "proxy_set_header X-Scheme $pass_access_scheme;",
        ),
        when="auth-method",
    ),
    Fact(
        "The target is a quoted variable, so that its name is resolved for each question.",
        "question",
        present=('set $target "{auth_url}";', "proxy_pass $target;", "proxy_http_version 1.1;"),
    ),
    Fact(
        "Error answers are not replaced by custom error pages.",
        "question",
        present=("proxy_intercept_errors off;",),
    ),
    Fact(
        "The answer's head must fit into 4k.",
        "question",
        present=("proxy_buffer_size 4k;", "proxy_buffers 4 4k;"),
    ),
    Fact("Nothing is kept without a cache key.", "question", absent=("proxy_cache",), when="!auth-cache-key"),
    Fact(
        "A cache key stores 200, 202 and 401 for five minutes, and forces buffering.",
        "question",
        present=(
            "proxy_cache auth_cache;",
            "proxy_cache_valid 200 202 401 5m;",
            'proxy_cache_key "$cache_key";',
            "proxy_buffering on;",
        ),
        when="auth-cache-key",
    ),
    Fact(
        "Buffering follows the location, where it is off.",
        "question",
        present=("proxy_buffering off;",),
        when="!auth-cache-key",
    ),
    Fact("The timeouts of the annotations do not reach the question.", "question", absent=("proxy_connect_timeout",)),
    Fact(
        "The protected location asks first and remembers the answer's Set-Cookie.",
        "protected",
        present=("auth_request {auth_path};", "auth_request_set $auth_cookie $upstream_http_set_cookie;"),
    ),
    Fact(
        "Set-Cookie reaches the browser with successful answers and redirects.",
        "protected",
        present=("add_header Set-Cookie $auth_cookie;",),
        when="!auth-always-set-cookie",
    ),
    Fact(
        "auth-always-set-cookie adds it to every answer.",
        "protected",
        present=("add_header Set-Cookie $auth_cookie always;",),
        when="auth-always-set-cookie",
    ),
    Fact(
        "Each listed header of the answer replaces the visitor's on the way to the application, numbered in order.",
        "protected",
        present=("{response_headers}",),
        when="auth-response-headers",
    ),
    Fact(
        "A 401 goes to the sign-in location; a 403 never does.",
        "protected",
        present=("error_page 401 = {signin_name};",),
        absent=("error_page 403",),
        when="auth-signin",
    ),
    Fact(
        "Without auth-signin a 401 stays a 401, and there is no escaped URI.",
        "protected",
        absent=("error_page", "set_escape_uri"),
        when="!auth-signin",
    ),
    Fact(
        "The application gets the visitor's Host.",
        "protected",
        present=("set $best_http_host $http_host;", "proxy_set_header Host $best_http_host;"),
    ),
    Fact(
        "The sign-in location adds the answer's Set-Cookie and redirects, with rd appended unless it has one.",
        "sign-in",
        present=("internal;", "add_header Set-Cookie $auth_cookie;", "return 302 {signin_target};"),
        when="auth-signin",
    ),
    Fact("Names are resolved by the cluster's DNS, without search domains.", "http", present=("resolver {resolver}",)),
)
