"""What a flow's effects tell the browser: which cookies to keep, and which to forget."""

from urllib.parse import urlsplit

from starlette.responses import Response

from ostiary.directory.devices import LIFETIME
from ostiary.flows.plan import Plan
from ostiary.flows.run import Effects
from ostiary.flows.start import SETUP as SETUP_FLOW
from ostiary.sessions.cookie import DEVICE, LOGIN, SETUP
from ostiary.web.visits import Visit


def set_cookies(response: Response, visit: Visit, plan: Plan, effects: Effects) -> None:
    """Adds the cookies of these effects to an answer."""
    secure = visit.secure if effects.base_url is None else urlsplit(effects.base_url).scheme == "https"
    if effects.login is not None:
        header = LOGIN.header(effects.login, secure, max_age=effects.login_seconds)
        response.headers.append("Set-Cookie", header)
        if plan.slug == SETUP_FLOW:
            response.headers.append("Set-Cookie", SETUP.cleared(visit.secure))
    elif effects.signed_out:
        response.headers.append("Set-Cookie", LOGIN.cleared(visit.secure))
    if effects.device is not None:
        seconds = effects.device_seconds or int(LIFETIME.total_seconds())
        response.headers.append("Set-Cookie", DEVICE.header(effects.device, secure, max_age=seconds))


def forget_stale(response: Response, visit: Visit) -> None:
    """Takes back the cookie of a login that is over, unless the answer sets another."""
    name = LOGIN.name(visit.secure)
    if visit.stale and not any(header.startswith(name) for header in response.headers.getlist("set-cookie")):
        response.headers.append("Set-Cookie", LOGIN.cleared(visit.secure))
