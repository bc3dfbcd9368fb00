import pytest
from authentik_client.models.app_enum import AppEnum
from authentik_client.models.event_actions import EventActions
from authentik_client.models.model_enum import ModelEnum

from ostiary.kit.expressions import Failed
from ostiary.policies.engine import Asked
from ostiary.policies.event_words import ACTIONS, APPS, MODELS
from ostiary.policies.types import PolicyCompiler

EVENT = {
    "action": "model_updated",
    "app": "authentik.core",
    "client_ip": "192.0.2.7",
    "user": {"username": "ada"},
    "context": {"model": {"app": "authentik_core", "model_name": "user"}, "how": "api"},
}


def matcher(**config: object) -> Asked:
    made = PolicyCompiler().ready("event_matcher", "", config)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("config", "matches"),
    [
        ({}, True),
        ({"action": "model_updated"}, True),
        ({"action": "login"}, False),
        ({"client_ip": "192.0.2.7"}, True),
        ({"client_ip": "192.0.2.8"}, False),
        ({"app": "authentik.core"}, True),
        ({"app": "authentik.flows"}, False),
        ({"model": "authentik_core.user"}, True),
        ({"model": "authentik_core.group"}, False),
        ({"action": "model_updated", "model": "authentik_core.group"}, False),
        ({"query": "event.user.username == 'ada' && event.context.how == 'api'"}, True),
        ({"query": "event.action.startsWith('login')"}, False),
        ({"action": "login", "query": "true"}, False),
    ],
)
def test_all_that_is_set_has_to_match(config: dict[str, object], matches: bool) -> None:
    assert matcher(**config).evaluate({"event": EVENT}) is matches


def test_an_event_that_lacks_what_is_asked_for_does_not_match() -> None:
    for event in ({}, {"context": None, "user": 3}, {"context": {"model": "user"}}):
        assert matcher(model="authentik_core.user").evaluate({"event": event}) is False
        with pytest.raises(Failed):
            matcher(query="event.user.username == 'ada'").evaluate({"event": event})


def test_where_nothing_has_happened_it_fails() -> None:
    with pytest.raises(Failed, match="nothing has happened"):
        matcher().evaluate({"event": None})


def test_its_words_are_those_that_clients_parse() -> None:
    assert {action.value for action in EventActions} == ACTIONS
    assert {app.value for app in AppEnum} >= APPS
    assert {model.value for model in ModelEnum} >= MODELS
