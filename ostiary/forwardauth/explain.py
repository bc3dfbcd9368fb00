"""The pages that say why a door did not open, and what to do about it.

A stranger learns nothing about what exists here; a signed-in person reads a public reason and whom to ask; the names of
rules are for administrators.
"""

from starlette.responses import Response

from ostiary.access.served import Served
from ostiary.access.table import Person
from ostiary.forwardauth import circle, decide
from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.dialects.addresses import PREFIXES
from ostiary.forwardauth.judge import Opinion, Outcome
from ostiary.forwardauth.tickets import Attempt
from ostiary.forwardauth.wire import Asked
from ostiary.web.look import Looks, PlainLooks
from ostiary.web.pages import Pages
from ostiary.web.visits import Visit


class Explain:
    """Renders ``forwardauth/door.html``. ``contact`` is the installation's, used where an application names none."""

    def __init__(self, *, pages: Pages, contact: str, looks: Looks | None = None) -> None:
        self._pages = pages
        self._contact = contact
        self._looks: Looks = looks or PlainLooks()

    def page(
        self,
        visit: Visit,
        code: str,
        heading: str,
        *sentences: str,
        status: int = 400,
        facts: tuple[tuple[str, str], ...] = (),
        rules: tuple[str, ...] = (),
        actions: tuple[tuple[str, str], ...] = (),
        contact: str = "",
    ) -> Response:
        """One explanation. On an application's host only what lies below our prefix reaches us, the style sheet too."""
        return self._pages.render(
            "forwardauth/door.html",
            status=status,
            assets=prefix_of(visit),
            look=visit.look,
            code=code,
            heading=heading,
            sentences=sentences,
            facts=facts,
            rules=rules,
            actions=actions,
            ask=contact or self._contact,
        )

    def refused(self, asked: Asked, outcome: Outcome, base_url: str | None) -> bytes:
        """The page of a refused check where the proxy passes our answers on.

        On an application's host nothing of ours may be routed, so its style and its links lead to our own; only its
        person's own sign-in has told us who they are, so no more is said than to anybody.
        """
        served, rules = outcome.served, outcome.served.rules if outcome.served else None
        name = rules.name if rules and outcome.verdict is Verdict.FORBIDDEN else ""
        home = (("Your applications", f"{base_url}/if/user/"),) if base_url else ()
        again = ((f"Open {name}" if name else "Open the application", served.url),) if served else ()
        heading, sentences, code, actions = {
            Verdict.SIGN_IN: (
                "Sign in first",
                ("You are not signed in here, or no longer, so what you sent was not delivered.",),
                "forward_auth.sign_in",
                again,
            ),
            Verdict.FORBIDDEN: (
                f"You cannot open {name}",
                (decide.SENTENCES.get(outcome.reason, decide.SENTENCES["not_allowed"]),),
                f"forward_auth.{outcome.reason}",
                home,
            ),
            Verdict.UNKNOWN_HOST: (
                "Not set up here",
                ("Nothing is set up at this address.",),
                "forward_auth.unknown_host",
                (),
            ),
            Verdict.REFUSED: (
                "This address cannot be opened",
                (decide.SENTENCES.get(outcome.reason, "It can be read in two ways."),),
                f"forward_auth.{outcome.reason}",
                (),
            ),
        }.get(
            outcome.verdict,
            (
                "Not right now",
                ("Whether you may open this cannot be decided at the moment. Please try again.",),
                f"forward_auth.{outcome.reason}",
                (),
            ),
        )
        page = self._pages.render(
            "forwardauth/door.html",
            assets=base_url or "",
            look=self._looks.otherwise().ours(),
            code=code,
            heading=heading,
            sentences=sentences,
            facts=(("Address", asked.host_key),),
            rules=(),
            actions=actions,
            ask=(served.contact if served else "") or self._contact,
        )
        return bytes(page.body)

    def unknown_host(self, visit: Visit, host: str) -> Response:
        return self.page(
            visit,
            "forward_auth.unknown_host",
            "Not set up here",
            "Nothing is set up at this address.",
            status=404,
            facts=(("Address", host or "(none)"),),
        )

    def undeclared(self, visit: Visit, peer: str) -> Response:
        return self.page(
            visit,
            "forward_auth.peer_undeclared",
            "This proxy is not known",
            "The request came through a proxy that has not been declared, so nothing it says is believed.",
            "Whoever runs this installation can declare it: add its address, or its network, to the setting `proxies`.",
            status=403,
            facts=(("Address to declare", peer),),
        )

    def not_ready(self, visit: Visit) -> Response:
        return self.page(
            visit,
            "forward_auth.base_url_unset",
            "Not set up yet",
            "This installation does not know its own address yet. Finish the set-up, or set `web.base_url`.",
            status=503,
        )

    def bad_return(self, visit: Visit, code: str, sentence: str) -> Response:
        return self.page(
            visit,
            code,
            "Please open the application again",
            sentence,
            "Go back to the application's own address and open it from there.",
        )

    def forbidden(self, visit: Visit, served: Served, person: Person, opinion: Opinion, host: str) -> Response:
        name = served.rules.name if served.rules else host
        rules = tuple(reason.text for reason in opinion.decision.reasons) if person.subject.is_superuser else ()
        return self.page(
            visit,
            f"forward_auth.{opinion.refusal}",
            f"You cannot open {name}",
            decide.SENTENCES[opinion.refusal or "not_allowed"],
            f"You are signed in as {person.subject.username}.",
            status=403,
            facts=(("Application", name), ("Address", host)),
            rules=rules,
            actions=(("Your applications", "/if/user/"), ("Sign out", f"/if/flow/{visit.look.invalidation}/")),
            contact=served.contact,
        )

    def loop(self, visit: Visit, served: Served, person: Person, attempt: Attempt, again: str) -> Response:
        """The end of a circle: what the check saw, and what that points to."""
        refused = decide.SENTENCES.get(attempt.seen, "The check did not find your sign-in.")
        return self.page(
            visit,
            "forward_auth.loop",
            "You were sent in a circle",
            f"You are signed in as {person.subject.username}, and you may open this application. But each time you"
            " come back to it, its proxy asks us again and the check refuses.",
            f"What the check saw: {refused}",
            *circle.sentences(served, attempt.seen, attempt.saw),
            status=400,
            facts=(
                ("Registered as", served.origin + served.path),
                ("Host seen", attempt.host),
                *circle.facts(served, attempt.saw),
                ("Cookie expected", served.cookie.name(served.secure)),
                ("Seen by the check", attempt.seen or "unknown"),
            ),
            actions=(("Try again", again),),
            contact=served.contact,
        )

    def lost_form(self, visit: Visit, served: Served, method: str, again: str) -> Response:
        name = served.rules.name if served.rules else served.host_key
        return self.page(
            visit,
            "forward_auth.form_lost",
            "You are signed in, but what you sent was not delivered",
            f"Your sign-in for {name} had ended when you sent a form ({method}), so the application never received it.",
            "Open the application again and send it once more. If your browser still shows the form, go back to it.",
            status=200,
            actions=((f"Open {name}", again),),
            contact=served.contact,
        )

    def ticket_gone(self, visit: Visit, served: Served) -> Response:
        return self.page(
            visit,
            "forward_auth.ticket_gone",
            "This sign-in link is no longer good",
            "It works once, within thirty seconds, in the browser that asked for it.",
            actions=(("Open the application", served.url),),
            contact=served.contact,
        )


def prefix_of(visit: Visit) -> str:
    """The one of our two prefixes below which this request came."""
    path = visit.request.url.path
    return next((prefix for prefix in PREFIXES if path.startswith(prefix + "/")), PREFIXES[1])
