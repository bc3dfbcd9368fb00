"""Flows as programs run them: authentik's sequence of GET and POST, with nothing kept but cookies."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import authentik_client as ak
import httpx2
import pytest
from sqlalchemy import func, select

from ostiary.api.app import application
from ostiary.directory.users import by_username
from ostiary.flows.intent import Intent, Intents
from ostiary.flows.models import FlowRun
from ostiary.sessions.models import Session
from tests.api.house import PASSWORD, ApiHouse
from tests.api.surface import surface

SIGN_IN = "default-authentication-flow"
CHALLENGES: dict[str, Any] = {
    "ak-stage-identification": ak.IdentificationChallenge,
    "ak-stage-password": ak.PasswordChallenge,
    "ak-stage-user-login": ak.UserLoginChallenge,
    "ak-stage-access-denied": ak.AccessDeniedChallenge,
    "ak-stage-session-end": ak.SessionEndChallenge,
    "ak-stage-prompt": ak.PromptChallenge,
    "xak-flow-redirect": ak.RedirectChallenge,
}


class Program:
    """A client that keeps cookies."""

    def __init__(self, api: ApiHouse) -> None:
        self.http = httpx2.Client(base_url=api.origin, timeout=30)

    def path(self, slug: str) -> str:
        return f"/api/v3/flows/executor/{slug}/"

    def get(self, slug: str = SIGN_IN, query: str = "", **headers: str) -> Any:
        return told(self.http.get(self.path(slug), params={"query": query}, headers=headers))

    def post(self, slug: str = SIGN_IN, query: str = "", headers: dict[str, str] | None = None, **fields: Any) -> Any:
        return told(self.raw(slug, query, headers, **fields))

    def raw(
        self, slug: str = SIGN_IN, query: str = "", headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx2.Response:
        return self.http.post(self.path(slug), params={"query": query}, json=fields, headers=headers)


def told(answer: httpx2.Response) -> Any:
    """The challenge, as authentik's model of that component reads it."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = CHALLENGES[body["component"]].from_dict(body)
    assert found is not None
    # Strict clients refuse keys that they do not know.
    assert set(body) <= set(type(found).model_fields)
    return found


@pytest.fixture
def another(api: ApiHouse) -> Iterator[Callable[[], Program]]:
    """Makes browsers."""
    made: list[Program] = []

    def make() -> Program:
        made.append(Program(api))
        return made[-1]

    yield make
    for one in made:
        one.http.close()


@pytest.fixture
def program(another: Callable[[], Program]) -> Program:
    return another()


@pytest.fixture
def name(api: ApiHouse) -> str:
    """Somebody with a password."""
    username = api.unique("jane")
    api.token(username=username)
    return username


def sessions_of(api: ApiHouse, username: str) -> int:
    async def count() -> int:
        async with api.parts.database.reading() as r:
            user = await by_username(r, username)
            return await r.scalar(select(func.count()).select_from(Session).where(Session.user_id == user.id)) or 0

    return api.run(count())


@pytest.fixture
def flow(api: ApiHouse) -> str:
    """A sign-in flow of its own: name, password, login, each a step."""
    flows, stages = ak.FlowsApi(api.client()), ak.StagesApi(api.client())
    slug = api.unique("steps")
    made = flows.flows_instances_create(
        ak.FlowRequest(name=slug, slug=slug, title="Steps", designation="authentication")
    )
    steps: tuple[Any, ...] = (
        stages.stages_identification_create(ak.IdentificationStageRequest(name=f"{slug}-name")),
        stages.stages_password_create(
            ak.PasswordStageRequest(
                name=f"{slug}-password",
                backends=["authentik.core.auth.InbuiltBackend"],
                failed_attempts_before_cancel=2,
                allow_show_password=True,
            )
        ),
        stages.stages_user_login_create(ak.UserLoginStageRequest(name=f"{slug}-login", remember_me_offset="days=30")),
    )
    for order, stage in enumerate(steps):
        flows.flows_bindings_create(ak.FlowStageBindingRequest(target=made.pk, stage=stage.pk, order=order))
    return slug


def test_a_program_signs_in_from_nothing(api: ApiHouse, program: Program, name: str) -> None:
    first = program.get()
    assert first.component == "ak-stage-identification"
    assert (first.password_fields, first.user_fields, first.flow_designation) == (
        True,
        ["email", "username"],
        "authentication",
    )
    assert (first.flow_info.title, first.flow_info.layout) == ("Sign in", "stacked")
    wrong = program.post(component="ak-stage-identification", uid_field=name, password="wrong")
    (error,) = wrong.response_errors["non_field_errors"]
    assert (wrong.component, error.code) == ("ak-stage-identification", "invalid")
    assert "is not right" in error.string
    done = program.post(component="ak-stage-identification", uid_field=name, password=PASSWORD)
    assert (done.component, done.to) == ("xak-flow-redirect", "/if/user/")
    assert name in program.http.get("/if/user/").text
    me = program.http.get("/api/v3/flows/instances/")
    assert me.json()["code"] == "api.not_allowed"
    # Whoever is signed in goes on.
    assert program.get().component == "xak-flow-redirect"


def test_without_a_component_an_answer_is_to_what_is_asked(program: Program, name: str) -> None:
    program.get()
    assert program.post(uid_field=name, password=PASSWORD).component == "xak-flow-redirect"


def test_each_step_is_asked_in_turn_and_stays_until_it_is_answered(
    api: ApiHouse, program: Program, name: str, flow: str
) -> None:
    assert program.get(flow).password_fields is False
    second = program.post(flow, component="ak-stage-identification", uid_field=name)
    assert (second.component, second.pending_user, second.allow_show_password) == ("ak-stage-password", name, True)
    assert program.get(flow) == second
    third = program.post(flow, component="ak-stage-password", password=PASSWORD)
    assert (third.component, third.pending_user) == ("ak-stage-user-login", name)
    assert sessions_of(api, name) == 0
    answer = program.raw(flow, component="ak-stage-user-login", remember_me=True)
    assert told(answer).component == "xak-flow-redirect"
    login = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("ostiary="))
    assert "Max-Age=2592000" in login
    assert sessions_of(api, name) == 1


def test_an_answer_to_another_step_is_not_taken(program: Program, name: str, flow: str) -> None:
    program.get(flow)
    told_again = program.post(flow, component="ak-stage-password", password=PASSWORD)
    assert told_again.component == "ak-stage-identification"
    assert "start again" in told_again.response_errors["non_field_errors"][0].string
    assert program.post(flow, component="ak-stage-identification", uid_field=name).component == "ak-stage-password"


def test_too_many_wrong_answers_end_the_flow(program: Program, name: str, flow: str) -> None:
    program.get(flow)
    program.post(flow, uid_field=name)
    assert program.post(flow, password="wrong").component == "ak-stage-password"
    ended = program.post(flow, password="wrong")
    assert (ended.component, ended.pending_user) == ("ak-stage-access-denied", name)
    assert "too many wrong answers" in ended.error_message
    assert program.get(flow).component == "ak-stage-identification"


def test_what_was_begun_can_be_forgotten(program: Program, name: str, flow: str) -> None:
    first = program.get(flow)
    program.post(flow, uid_field=name)
    assert program.http.get(first.flow_info.cancel_url).status_code == 303
    assert program.get(flow).component == "ak-stage-identification"


def test_the_lock_out_is_the_pages_own(api: ApiHouse, program: Program, name: str) -> None:
    program.get()
    for _ in range(5):
        program.post(uid_field=name, password="wrong")
    locked = program.post(uid_field=name, password=PASSWORD)
    assert "too many failed attempts" in locked.response_errors["non_field_errors"][0].string
    page = program.http.get(f"/if/flow/{SIGN_IN}/").text
    fields = dict(re.findall(r'name="(csrf|state)" value="([^"]*)"', page))
    answer = program.http.post(f"/if/flow/{SIGN_IN}/", data={**fields, "uid_field": name, "password": PASSWORD})
    assert (answer.status_code, "too many failed attempts" in answer.text) == (403, True)


def test_who_only_looks_costs_no_row(api: ApiHouse, program: Program) -> None:
    async def count() -> int:
        async with api.parts.database.reading() as r:
            return await r.scalar(select(func.count()).select_from(FlowRun)) or 0

    before = api.run(count())
    for _ in range(3):
        program.get()
        program.post(uid_field="nobody", password="wrong")
    assert api.run(count()) == before


@pytest.mark.parametrize(
    ("query", "to"),
    [
        ("next=%2Fif%2Fuser%2Fsessions%2F", "/if/user/sessions/"),
        ("?next=%2Fx", "/x"),
        ("next=https%3A%2F%2Fevil.example", "/if/user/"),
        ("next=%2F%2Fevil.example", "/if/user/"),
        ("next=%2F%5Cevil.example", "/if/user/"),
        ("intent=forged", "/if/user/"),
    ],
)
def test_a_flow_leads_on_only_to_our_own_pages(program: Program, name: str, query: str, to: str) -> None:
    program.get(query=query)
    assert program.post(query=query, uid_field=name, password=PASSWORD).to == to


# What other sites can do


def test_a_form_of_another_site_signs_nobody_in(
    api: ApiHouse, program: Program, another: Callable[[], Program], name: str
) -> None:
    body: dict[str, Any] = {"component": "ak-stage-identification", "uid_field": name, "password": PASSWORD}
    program.get()
    path = program.path(SIGN_IN)
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = program.http.post(path, content=json.dumps(body), headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (400, "flow.answer_unreadable")
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": api.origin.replace("127.0.0.1", "localhost")},
    ):
        answer = program.raw(headers=headers, **body)
        assert (answer.status_code, answer.json()["code"]) == (403, "flow.answer_foreign"), headers
    # A cross-site request brings no cookie (SameSite=Lax).
    answer = another().raw(**body)
    assert (answer.status_code, answer.json()["code"]) == (403, "flow.answer_foreign")
    assert sessions_of(api, name) == 0
    assert "set-cookie" not in answer.headers
    own = program.raw(headers={"Origin": api.origin, "Sec-Fetch-Site": "same-origin"}, **body)
    assert told(own).component == "xak-flow-redirect"


def test_another_browser_cannot_go_on(program: Program, another: Callable[[], Program], name: str, flow: str) -> None:
    program.get(flow)
    program.post(flow, uid_field=name)
    thief = another()
    assert thief.get(flow).component == "ak-stage-identification"
    assert thief.post(flow, component="ak-stage-password", password=PASSWORD).component == "ak-stage-identification"
    # A page in the same browser neither goes on with it nor is disturbed.
    page = program.http.get(f"/if/flow/{flow}/").text
    assert 'name="uid_field"' in page
    assert program.get(flow).component == "ak-stage-password"


def test_a_session_answers_only_with_the_header_that_no_other_site_can_send(program: Program, name: str) -> None:
    program.get()
    program.post(uid_field=name, password=PASSWORD)
    out = "default-invalidation-flow"
    asked = program.http.get(program.path(out), headers={"Accept": "text/html"})
    assert told(asked).component == "ak-stage-session-end"
    refused = program.raw(out)
    assert (refused.status_code, refused.json()["code"]) == (403, "api.csrf")
    assert name in program.http.get("/if/user/").text
    proof = {"X-authentik-CSRF": asked.headers["X-authentik-CSRF"]}
    done = program.raw(out, headers=proof, component="ak-stage-session-end")
    assert told(done).component == "xak-flow-redirect"
    assert program.http.get("/if/user/").status_code == 303


def test_a_program_signs_out_at_once_but_no_link_does_it(program: Program, name: str) -> None:
    program.get()
    program.post(uid_field=name, password=PASSWORD)
    out = "default-invalidation-flow"
    for headers in (
        {"Accept": "text/html"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert program.get(out, **headers).component == "ak-stage-session-end"
    assert program.get(out).component == "xak-flow-redirect"
    assert program.http.get("/if/user/").status_code == 303


def test_a_token_runs_no_flow(api: ApiHouse) -> None:
    with api.http() as http:
        for answer in (http.get(f"/flows/executor/{SIGN_IN}/"), http.post(f"/flows/executor/{SIGN_IN}/", json={})):
            assert (answer.status_code, answer.json()["code"]) == (400, "flow.token_not_taken")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b"[" * 60_000,
        b'{"uid_field": 7}',
        b'{"uid_field": {"a": "b"}}',
        b'{"uid_field": "a\\u0000b"}',
        b'{"uid_field": "\\ud800"}',
        b'{"uid_field": "' + b"a" * 8193 + b'"}',
        b'{"\xff": "a"}',
        json.dumps({f"f{number}": "" for number in range(41)}).encode(),
    ],
)
def test_what_is_no_answer_is_refused(program: Program, body: bytes) -> None:
    program.get()
    answer = program.http.post(program.path(SIGN_IN), content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "flow.answer_unreadable"


def test_a_flow_that_does_not_exist_is_not_found(program: Program) -> None:
    for slug in ("none", "a b", "%00"):
        answer = program.http.get(program.path(slug))
        assert answer.status_code in (400, 404)
    assert program.raw("none").status_code in (403, 404)


# Who may, and how it ends


def test_whoever_may_not_run_a_flow_is_told_or_sent_on(api: ApiHouse, program: Program, name: str) -> None:
    flows = ak.FlowsApi(api.client())
    slug = api.unique("closed")
    flows.flows_instances_create(
        ak.FlowRequest(
            name=slug,
            slug=slug,
            title="Closed",
            designation="authorization",
            authentication="require_superuser",
            denied_action="message",
        )
    )
    away = program.get(slug)
    assert away.to.startswith(f"/if/flow/{SIGN_IN}/?intent=")
    program.get()
    program.post(uid_field=name, password=PASSWORD)
    denied = program.get(slug)
    assert (denied.component, denied.error_message) == ("ak-stage-access-denied", "Only administrators may go on here.")
    flows.flows_instances_partial_update(slug, ak.PatchedFlowRequest(denied_action="continue"))
    assert program.get(slug).to == "/if/user/"


def test_a_flow_that_denies_says_why(api: ApiHouse, program: Program, name: str, flow: str) -> None:
    flows, stages = ak.FlowsApi(api.client()), ak.StagesApi(api.client())
    deny = stages.stages_deny_create(ak.DenyStageRequest(name=api.unique("deny"), deny_message="Closed today."))
    target = flows.flows_instances_retrieve(flow).pk
    program.get(flow)
    program.post(flow, uid_field=name)
    flows.flows_bindings_create(ak.FlowStageBindingRequest(target=target, stage=deny.pk, order=1))
    # The flow changed under the run, which begins anew.
    assert program.get(flow).component == "ak-stage-identification"
    denied = program.post(flow, uid_field=name)
    assert (denied.component, denied.error_message) == ("ak-stage-access-denied", "Closed today.")


def test_a_flow_without_proof_lets_nobody_in(api: ApiHouse, program: Program, name: str, flow: str) -> None:
    flows, stages = ak.FlowsApi(api.client()), ak.StagesApi(api.client())
    target = flows.flows_instances_retrieve(flow).pk
    password = stages.stages_password_list(name=f"{flow}-password").results[0].pk
    flows.flows_bindings_destroy(flows.flows_bindings_list(target=target, stage=password).results[0].pk)
    program.get(flow)
    denied = program.post(flow, uid_field=name)
    assert (denied.component, sessions_of(api, name)) == ("ak-stage-access-denied", 0)


def test_a_superuser_sees_where_their_run_stands(api: ApiHouse, program: Program, flow: str) -> None:
    username = api.unique("root")
    api.token(superuser=True, username=username)
    inspector = f"/api/v3/flows/inspector/{flow}/"
    assert program.http.get(inspector).status_code == 403
    program.get()
    program.post(uid_field=username, password=PASSWORD)
    nothing = ak.FlowInspection.from_dict(program.http.get(inspector).json())
    assert nothing is not None
    assert (nothing.plans, nothing.is_completed) == ([], False)
    query = "intent=" + _again(api)
    first = program.http.get(program.path(flow), params={"query": query})
    assert told(first).component == "ak-stage-identification"
    proof = {"X-authentik-CSRF": first.headers["X-authentik-CSRF"]}
    program.post(flow, query, headers=proof, uid_field=username)
    seen = ak.FlowInspection.from_dict(program.http.get(inspector).json())
    assert seen is not None
    assert seen.current_plan is not None
    assert seen.current_plan.current_stage.stage_obj.name == f"{flow}-password"
    assert seen.current_plan.next_planned_stage.stage_obj.name == f"{flow}-login"
    assert seen.current_plan.plan_context == {"pending_user_identifier": username}


def _again(api: ApiHouse) -> str:
    return Intents(api.parts.secrets).seal(Intent(prompt="login"))


def test_the_typed_client_posts_and_its_raw_variant_reads(api: ApiHouse, name: str) -> None:
    client = ak.ApiClient(ak.Configuration(host=f"{api.origin}/api/v3"))
    flows = ak.FlowsApi(client)
    first = flows.flows_executor_get_without_preload_content(SIGN_IN, query="")
    body = json.loads(first.data)
    assert body["component"] == "ak-stage-identification"
    client.cookie = first.headers["Set-Cookie"].partition(";")[0]
    answer = flows.flows_executor_solve_without_preload_content(
        SIGN_IN,
        query="",
        flow_challenge_response_request=ak.FlowChallengeResponseRequest(
            ak.IdentificationChallengeResponseRequest(uid_field=name, password=PASSWORD)
        ),
    )
    assert json.loads(answer.data)["component"] == "xak-flow-redirect"


def test_the_schema_tells_challenges_apart_by_component(api: ApiHouse) -> None:
    document = application(surface()).openapi()
    operation = document["paths"]["/api/v3/flows/executor/{flow_slug}/"]
    for method in ("get", "post"):
        schema = operation[method]["responses"]["200"]["content"]["application/json"]["schema"]
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert schema["discriminator"]["propertyName"] == "component"
        assert set(schema["discriminator"]["mapping"]) == set(CHALLENGES)
    body = operation["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["discriminator"]["propertyName"] == "component"
