import json
from typing import Any

import authentik_client as ak
import pytest

from ostiary.events.record import COMMAND
from tests.api.house import ApiHouse, called

KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "main",
    "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}],
    "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "not-for-anybody"}}],
}


@pytest.fixture
def outposts(api: ApiHouse) -> ak.OutpostsApi:
    return ak.OutpostsApi(api.client())


def provider(api: ApiHouse) -> tuple[int, str]:
    """The id of a new proxy provider, and the slug of its application."""
    slug = api.unique("app")
    proxy = {"external_host": f"https://{slug}.example.com"}
    made = api.run(api.parts.applications.add_proxied(slug, access="everyone", proxy=proxy, by=COMMAND))
    assert made.provider is not None
    return made.provider.id, slug


def embedded(outposts: ak.OutpostsApi) -> ak.Outpost:
    (one,) = outposts.outposts_instances_list(managed__iexact="goauthentik.io/outposts/embedded").results
    return one


def test_an_outpost_lives_from_creation_to_deletion(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    pk, slug = provider(api)
    cluster = outposts.outposts_service_connections_kubernetes_create(
        ak.KubernetesServiceConnectionRequest(name=api.unique("cluster"), local=True)
    )
    config = outposts.outposts_instances_default_settings_retrieve().config
    config["kubernetes_replicas"] = 2
    asked = ak.OutpostRequest(
        name=api.unique("edge"), type="proxy", providers=[pk], config=config, service_connection=cluster.pk
    )
    made = outposts.outposts_instances_create(asked)
    assert (made.name, made.providers, made.config, made.managed) == (asked.name, [pk], config, None)
    assert [(one.pk, one.assigned_application_slug) for one in made.providers_obj] == [(pk, slug)]
    assert made.service_connection_obj is not None
    assert made.service_connection_obj.pk == cluster.pk
    assert (made.refresh_interval_s, made.token_identifier) == (300, f"ak-outpost-{made.pk}-api")
    assert outposts.outposts_instances_retrieve(made.pk) == made
    assert outposts.outposts_instances_used_by_list(made.pk) == []
    assert outposts.outposts_instances_health_list(made.pk) == []
    providers = ak.ProvidersApi(api.client())
    for users in (providers.providers_proxy_used_by_list(pk), providers.providers_all_used_by_list(pk)):
        assert [(user.model_name, user.name) for user in users] == [("application", slug), ("outpost", made.name)]
    with api.http() as http:
        assert "Nothing runs" in http.get(f"/ostiary/outposts/{made.pk}/health/").json()["message"]
    users = outposts.outposts_service_connections_all_used_by_list(cluster.pk)
    assert [(user.pk, user.action.value) for user in users] == [(str(made.pk), "set_null")]
    changed = outposts.outposts_instances_update(
        made.pk, ak.OutpostRequest(name=made.name, type="proxy", providers=[], config={"log_level": "debug"})
    )
    # What a whole update leaves out is left alone, as authentik does.
    assert (changed.providers, changed.config, changed.service_connection) == ([], {"log_level": "debug"}, cluster.pk)
    patched = outposts.outposts_instances_partial_update(
        made.pk, ak.PatchedOutpostRequest(config={"refresh_interval": "hours=1"})
    )
    assert (patched.name, patched.refresh_interval_s) == (made.name, 3600)
    outposts.outposts_service_connections_all_destroy(cluster.pk)
    assert outposts.outposts_instances_retrieve(made.pk).service_connection is None
    outposts.outposts_instances_destroy(made.pk)
    assert called(lambda: outposts.outposts_instances_retrieve(made.pk))[0] == 404


def test_the_embedded_outpost_is_there_and_stays(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    one = embedded(outposts)
    assert (one.name, one.type.value) == ("authentik Embedded Outpost", "proxy")
    status, body = called(lambda: outposts.outposts_instances_destroy(one.pk))
    assert (status, json.loads(body)["code"]) == (409, "outpost.embedded_stays")
    status, body = called(
        lambda: outposts.outposts_instances_partial_update(one.pk, ak.PatchedOutpostRequest(managed="other"))
    )
    assert (status, json.loads(body)["code"]) == (400, "outpost.managed_fixed")


def test_health_lists_the_workers_of_this_installation(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    from ostiary.outposts.health import Heartbeat

    beat = Heartbeat(database=api.parts.database, clock=api.parts.clock, version="0.0.1", fresh=lambda: True)
    api.run(beat.beat())
    pk = embedded(outposts).pk
    (worker,) = outposts.outposts_instances_health_list(pk)
    assert (worker.version, worker.version_outdated) == ("0.0.1", True)
    with api.http() as http:
        raw = http.get(f"/ostiary/outposts/{pk}/health/").json()
    assert [one["fresh"] for one in raw["workers"]] == [True]
    assert "answers for every application" in raw["message"]
    assert ak.AdminApi(api.client()).admin_version_retrieve().outpost_outdated
    api.run(beat.end())
    assert outposts.outposts_instances_health_list(pk) == []


def test_outposts_are_found_by_what_they_are(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    pk, _ = provider(api)
    cluster = outposts.outposts_service_connections_docker_create(
        ak.DockerServiceConnectionRequest(name=api.unique("Dock"), url="unix:///var/run/docker.sock")
    )
    made = outposts.outposts_instances_create(
        ak.OutpostRequest(
            name=api.unique("Find"), type="proxy", providers=[pk], config={}, service_connection=cluster.pk
        )
    )

    def names(**wanted: Any) -> list[str]:
        return [one.name for one in outposts.outposts_instances_list(**wanted).results]

    assert names(name__iexact=made.name.lower()) == [made.name]
    assert names(name__icontains=made.name[1:].upper()) == [made.name]
    assert names(providers_by_pk=[pk]) == [made.name]
    assert made.name in names(providers__isnull=False)
    assert made.name not in names(providers__isnull=True)
    assert "authentik Embedded Outpost" in names(providers__isnull=True)
    assert names(service_connection__name__iexact=cluster.name.lower()) == [made.name]
    assert names(service_connection__name__icontains=cluster.name[2:]) == [made.name]
    assert names(search=made.name, ordering="-service_connection__name") == [made.name]

    # Whoever may not see a connection does not learn its name by asking for it.
    sight = "authentik_outposts.view_outpost"
    for held, found in (
        ((sight,), []),
        ((sight, ("authentik_outposts.view_dockerserviceconnection", cluster.pk)), [made.name]),
        ((sight, "authentik_outposts.view_outpostserviceconnection"), [made.name]),
    ):
        with api.http(api.token(*held)) as http:
            for name in ("service_connection__name__iexact", "service_connection__name__icontains"):
                told = http.get("/outposts/instances/", params={name: cluster.name}).json()["results"]
                assert [one["name"] for one in told] == found


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"config": {"log_levle": "info"}}, "config", "outpost.config_unknown"),
        ({"config": {"log_level": "loud"}}, "config", "outpost.config_invalid"),
        ({"providers": [2**40]}, "providers", "outpost.provider_unknown"),
        ({"type": "rac"}, "type", "outpost.not_supported_yet"),
        ({"name": "authentik Embedded Outpost"}, "name", "outpost.name_taken"),
        ({"service_connection": "x"}, "service_connection", "outpost.service_connection_unknown"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    api: ApiHouse, values: dict[str, Any], field: str, code: str
) -> None:
    name = api.unique("wrong")
    with api.http() as http:
        answer = http.post(
            "/outposts/instances/", json={"name": name, "type": "proxy", "providers": [], "config": {}, **values}
        )
        assert answer.status_code == 400, answer.text
        assert (list(answer.json()), answer.json()["code"]) == ([field, "code"], code)
        assert http.get("/outposts/instances/", params={"name__iexact": name}).json()["results"] == []


def test_two_who_change_one_outpost_see_each_other(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    path = f"/outposts/instances/{embedded(outposts).pk}/"
    with api.http() as http:
        tag = http.get(path).headers["etag"]
        assert http.patch(path, json={"config": {"log_level": "debug"}}, headers={"If-Match": tag}).status_code == 200
        assert http.patch(path, json={"config": {}}, headers={"If-Match": tag}).status_code == 412
        assert http.patch(path, json={"config": {}}).status_code == 200


def test_a_kubernetes_connection_lives_from_creation_to_deletion(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    made = outposts.outposts_service_connections_kubernetes_create(
        ak.KubernetesServiceConnectionRequest(name=api.unique("cluster"), kubeconfig=KUBECONFIG)
    )
    assert made.kubeconfig is not None
    assert made.kubeconfig["users"] == [{"name": "u", "user": {"token": "********"}}]
    assert outposts.outposts_service_connections_kubernetes_retrieve(made.pk) == made
    changed = outposts.outposts_service_connections_kubernetes_update(
        made.pk, ak.KubernetesServiceConnectionRequest(name=f"{made.name}-2", kubeconfig=made.kubeconfig)
    )
    assert changed.kubeconfig == made.kubeconfig
    patched = outposts.outposts_service_connections_kubernetes_partial_update(
        made.pk, ak.PatchedKubernetesServiceConnectionRequest(verify_ssl=False)
    )
    assert (patched.verify_ssl, patched.name) == (False, changed.name)
    assert outposts.outposts_service_connections_kubernetes_used_by_list(made.pk) == []
    assert outposts.outposts_service_connections_kubernetes_list(name=patched.name).results == [patched]
    state = outposts.outposts_service_connections_all_state_retrieve(made.pk)
    assert (state.healthy, state.version) == (False, "")
    with api.http() as http:
        assert set(http.get(f"/outposts/service_connections/all/{made.pk}/state/").json()) == {"healthy", "version"}
        raw = http.get(f"/ostiary/service_connections/{made.pk}/state/").json()
    assert "comes with a later release" in raw["message"]
    unsafe = {**KUBECONFIG, "users": [{"name": "u", "user": {"exec": {"command": "sh"}}}]}
    status, body = called(
        lambda: outposts.outposts_service_connections_kubernetes_partial_update(
            made.pk, ak.PatchedKubernetesServiceConnectionRequest(kubeconfig=unsafe)
        )
    )
    assert (status, json.loads(body)["code"]) == (400, "service_connection.kubeconfig_unsafe")
    outposts.outposts_service_connections_kubernetes_destroy(made.pk)
    assert called(lambda: outposts.outposts_service_connections_kubernetes_retrieve(made.pk))[0] == 404


def test_a_docker_connection_lives_from_creation_to_deletion(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    made = outposts.outposts_service_connections_docker_create(
        ak.DockerServiceConnectionRequest(name=api.unique("docker"), url="unix:///var/run/docker.sock")
    )
    assert outposts.outposts_service_connections_docker_retrieve(made.pk) == made
    changed = outposts.outposts_service_connections_docker_update(
        made.pk, ak.DockerServiceConnectionRequest(name=made.name, url="https://docker.example.com:2376", local=True)
    )
    assert (changed.url, changed.local) == ("https://docker.example.com:2376", True)
    patched = outposts.outposts_service_connections_docker_partial_update(
        made.pk, ak.PatchedDockerServiceConnectionRequest(local=False)
    )
    assert patched.local is False
    assert outposts.outposts_service_connections_docker_list(url=patched.url).results == [patched]
    assert outposts.outposts_service_connections_docker_used_by_list(made.pk) == []
    # Each type has its own address, and all of them a common one.
    assert called(lambda: outposts.outposts_service_connections_kubernetes_retrieve(made.pk))[0] == 404
    anyone = outposts.outposts_service_connections_all_retrieve(made.pk)
    assert (anyone.name, anyone.component) == (made.name, "ak-service-connection-docker-form")
    assert made.pk in [one.pk for one in outposts.outposts_service_connections_all_list(search=made.name).results]
    outposts.outposts_service_connections_docker_destroy(made.pk)
    assert called(lambda: outposts.outposts_service_connections_all_retrieve(made.pk))[0] == 404


def test_types_configs_and_ldap(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    assert [one.model_name for one in outposts.outposts_service_connections_all_types_list()] == [
        "kubernetesserviceconnection",
        "dockerserviceconnection",
    ]
    pk, slug = provider(api)
    api.run(api.parts.applications.create(api.unique("without"), access="everyone", by=COMMAND))
    (config,) = outposts.outposts_proxy_list(name=slug).results
    assert (config.pk, config.assigned_application_slug, config.external_host) == (
        pk,
        slug,
        f"https://{slug}.example.com",
    )
    assert config.oidc_configuration.issuer == api.origin
    assert outposts.outposts_ldap_list().results == []


def test_a_delegated_administrator_sees_and_lists_only_what_they_may(api: ApiHouse, outposts: ak.OutpostsApi) -> None:
    seen, hidden = provider(api)[0], provider(api)[0]
    made = outposts.outposts_instances_create(
        ak.OutpostRequest(name=api.unique("both"), type="proxy", providers=[seen, hidden], config={})
    )
    token = api.token(
        "authentik_outposts.view_outpost",
        ("authentik_outposts.change_outpost", made.pk),
        ("authentik_providers_proxy.view_proxyprovider", seen),
    )
    theirs = ak.OutpostsApi(api.client(token))
    assert [one.pk for one in theirs.outposts_instances_retrieve(made.pk).providers_obj] == [seen]
    assert [one.pk for one in theirs.outposts_proxy_list(page_size=100).results] == [seen]
    # What stands there already may stay; what they cannot see they cannot add.
    changed = theirs.outposts_instances_partial_update(made.pk, ak.PatchedOutpostRequest(providers=[hidden]))
    assert changed.providers == [hidden]
    theirs.outposts_instances_partial_update(made.pk, ak.PatchedOutpostRequest(providers=[seen]))
    status, _ = called(
        lambda: theirs.outposts_instances_partial_update(made.pk, ak.PatchedOutpostRequest(providers=[hidden]))
    )
    assert status == 400
    assert called(lambda: theirs.outposts_instances_destroy(made.pk))[0] == 403
    assert called(theirs.outposts_service_connections_all_list)[0] == 403
    for nobody in (api.token(), ""):
        assert called(ak.OutpostsApi(api.client(nobody)).outposts_instances_list)[0] == 403


def test_what_the_terraform_provider_sends_leaves_no_difference(api: ApiHouse) -> None:
    pk, _ = provider(api)
    with api.http() as http:
        config = http.get("/outposts/instances/default_settings/").json()["config"]
        asked: dict[str, Any] = {
            "name": api.unique("terraform"),
            "type": "proxy",
            "providers": [pk],
            "config": {**config, "kubernetes_ingress_annotations": {"a/b": "c"}, "log_level": "debug"},
        }
        made = http.post("/outposts/instances/", json=asked)
        assert made.status_code == 201
        path = f"/outposts/instances/{made.json()['pk']}/"
        changes: tuple[dict[str, Any], ...] = (
            {},
            {"config": {**config, "authentik_host": "https://id.example.com/"}},
            {"providers": []},
        )
        for change in changes:
            asked |= change
            if change:
                assert http.put(path, json=asked).status_code == 200
            read = http.get(path).json()
            assert {name: read[name] for name in asked} == asked
            assert read["service_connection"] is None
        assert http.delete(path).status_code == 204
        assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "n", "type": "proxy", "providers": [], "config": {"kubernetes_replicas": NaN}}',
        '{"name": "n", "type": "proxy", "providers": [], "config": {"docker_labels": {"a": "\\u0000"}}}',
        '{"name": "n", "type": "proxy", "providers": [], "config": {"docker_labels": {"a": "\\ud800"}}}',
        '{"name": "n", "type": "proxy", "providers": [1e400], "config": {}}',
        '{"name": "n", "type": "proxy", "providers": [' + "1," * 6_000 + '1], "config": {}}',
        '{"name": "n", "type": "proxy", "providers": [], "config": ' + '{"docker_labels":' * 50 + "1" + "}" * 50 + "}",
        "[]",
        "{",
        "",
    ],
)
def test_what_no_database_holds_is_refused(api: ApiHouse, body: str) -> None:
    with api.http() as http:
        answer = http.post("/outposts/instances/", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, answer.text
