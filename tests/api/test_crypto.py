import json

import authentik_client as ak
import pytest
from cryptography import x509
from sqlalchemy import select

from ostiary.events.models import Event
from tests.api.house import ApiHouse, called
from tests.keys.test_pem import made

APP = "authentik_crypto"


@pytest.fixture
def crypto(api: ApiHouse) -> ak.CryptoApi:
    return ak.CryptoApi(api.client())


def wanted(api: ApiHouse, **more: str) -> ak.CertificateKeyPairRequest:
    certificate, key = made()
    given = {"name": api.unique("cert"), "certificate_data": certificate, "key_data": key, **more}
    return ak.CertificateKeyPairRequest(**given)


def events(api: ApiHouse, pk: object) -> list[str]:
    async def found() -> list[str]:
        async with api.parts.database.reading() as r:
            rows = await r.scalars(select(Event).where(Event.room == "keys").order_by(Event.id))
            return [event.action for event in rows if event.context.get("pk") == str(pk)]

    return api.run(found())


def test_a_certificate_lives_from_import_to_deletion(api: ApiHouse, crypto: ak.CryptoApi) -> None:
    asked = wanted(api)
    stored = crypto.crypto_certificatekeypairs_create(asked)
    assert (stored.name, stored.private_key_available, stored.cert_subject) == (asked.name, True, "CN=mail.example.com")
    assert stored.key_type == "ec"
    assert stored.cert_expiry == x509.load_pem_x509_certificate(asked.certificate_data.encode()).not_valid_after_utc
    assert crypto.crypto_certificatekeypairs_retrieve(stored.pk) == stored
    assert crypto.crypto_certificatekeypairs_list(name=stored.name, has_key=True).results == [stored]
    assert crypto.crypto_certificatekeypairs_list(name=stored.name, has_key=False).results == []
    listed = crypto.crypto_certificatekeypairs_list(
        key_type=[ak.KeyTypeEnum.EC, ak.KeyTypeEnum.RSA], search=stored.name
    )
    assert listed.results == [stored]
    assert crypto.crypto_certificatekeypairs_list(managed="x").results == []
    # Byte for byte, so that whoever keeps it in a file finds no difference.
    assert crypto.crypto_certificatekeypairs_view_certificate_retrieve(stored.pk).data == asked.certificate_data
    assert crypto.crypto_certificatekeypairs_view_private_key_retrieve(stored.pk).data == asked.key_data
    renamed = crypto.crypto_certificatekeypairs_update(stored.pk, wanted(api))
    assert renamed.name != stored.name
    bare = crypto.crypto_certificatekeypairs_partial_update(stored.pk, ak.PatchedCertificateKeyPairRequest(key_data=""))
    assert bare.private_key_available is False
    assert crypto.crypto_certificatekeypairs_view_private_key_retrieve(stored.pk).data == ""
    assert crypto.crypto_certificatekeypairs_used_by_list(stored.pk) == []
    crypto.crypto_certificatekeypairs_destroy(stored.pk)
    assert called(lambda: crypto.crypto_certificatekeypairs_retrieve(stored.pk))[0] == 404
    assert events(api, stored.pk) == ["model_created", "secret_view", "model_updated", "model_updated", "model_deleted"]


@pytest.mark.parametrize("alg", ["rsa", "ecdsa", "ed25519", "ed448"])
def test_a_certificate_is_made_here_and_answered_with_200(api: ApiHouse, crypto: ak.CryptoApi, alg: str) -> None:
    name = f"{api.unique('gen')}.example.com"
    asked = ak.CertificateGenerationRequest(
        common_name=name, subject_alt_name=f"{name},10.0.0.1", validity_days=9, alg=ak.AlgEnum(alg)
    )
    answer = crypto.crypto_certificatekeypairs_generate_create_with_http_info(asked)
    assert answer.status_code == 200
    assert answer.data.name == name
    assert answer.data.key_type == {"ecdsa": "ec"}.get(alg, alg)
    status, body = called(lambda: crypto.crypto_certificatekeypairs_generate_create(asked))
    assert (status, set(json.loads(body))) == (400, {"common_name", "code"})


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("certificate_data", "no certificate", "certificate.certificate_data_invalid"),
        ("key_data", "no key", "certificate.key_data_invalid"),
        ("key_data", made("other")[1], "certificate.key_mismatch"),
        ("certificate_data", "".join(made()), "certificate.certificate_data_invalid"),
    ],
)
def test_a_wrong_field_is_named_and_never_repeated(
    api: ApiHouse, crypto: ak.CryptoApi, field: str, value: str, code: str
) -> None:
    asked = wanted(api, **{field: value})
    status, body = called(lambda: crypto.crypto_certificatekeypairs_create(asked))
    assert (status, set(json.loads(body)), json.loads(body)["code"]) == (400, {field, "code"}, code)
    assert "PRIVATE KEY-----\nM" not in body
    assert crypto.crypto_certificatekeypairs_list(name=asked.name).results == []


def test_a_taken_name_is_a_fault_of_its_field(api: ApiHouse, crypto: ak.CryptoApi) -> None:
    stored = crypto.crypto_certificatekeypairs_create(wanted(api))
    status, body = called(lambda: crypto.crypto_certificatekeypairs_create(wanted(api, name=stored.name)))
    assert (status, json.loads(body)["code"]) == (400, "certificate.name_taken")


def test_to_see_an_object_its_certificate_and_its_key_are_three_permissions(
    api: ApiHouse, crypto: ak.CryptoApi
) -> None:
    mine, other = (crypto.crypto_certificatekeypairs_create(wanted(api)) for _ in range(2))
    pk = str(mine.pk)
    view = (f"{APP}.view_certificatekeypair", pk)
    sees = ak.CryptoApi(api.client(api.token(view)))
    assert [one.pk for one in sees.crypto_certificatekeypairs_list().results] == [mine.pk]
    assert called(lambda: sees.crypto_certificatekeypairs_view_certificate_retrieve(mine.pk))[0] == 403
    reads = ak.CryptoApi(api.client(api.token(view, (f"{APP}.view_certificatekeypair_certificate", pk))))
    assert reads.crypto_certificatekeypairs_view_certificate_retrieve(mine.pk).data == made()[0]
    assert called(lambda: reads.crypto_certificatekeypairs_view_private_key_retrieve(mine.pk))[0] == 403
    assert called(lambda: reads.crypto_certificatekeypairs_view_certificate_retrieve(other.pk))[0] == 404
    holds = ak.CryptoApi(
        api.client(api.token(f"{APP}.view_certificatekeypair", (f"{APP}.view_certificatekeypair_key", pk)))
    )
    assert holds.crypto_certificatekeypairs_view_private_key_retrieve(mine.pk).data == made()[1]
    assert called(lambda: holds.crypto_certificatekeypairs_view_private_key_retrieve(other.pk))[0] == 403
    assert events(api, other.pk) == ["model_created"]


def test_a_download_is_a_file_whose_name_is_no_header_of_ours(api: ApiHouse, crypto: ak.CryptoApi) -> None:
    stored = crypto.crypto_certificatekeypairs_create(wanted(api, name=f'a "b" ü; {api.unique("x")}'))
    with api.http() as http:
        answer = http.get(f"{api.origin}{stored.certificate_download_url}")
        key = http.get(f"{api.origin}{stored.private_key_download_url}")
    assert answer.text == made()[0]
    assert answer.headers["content-type"].startswith("application/x-pem-file")
    assert answer.headers["content-disposition"].startswith('attachment; filename="a_b_x-')
    assert answer.headers["content-disposition"].endswith('_certificate.pem"')
    assert key.text == made()[1]
    assert key.headers["cache-control"] == "no-store"


def test_two_administrators_meet_over_a_certificate_that_is_not_shown(api: ApiHouse, crypto: ak.CryptoApi) -> None:
    stored = crypto.crypto_certificatekeypairs_create(wanted(api, key_data=""))
    path = f"/crypto/certificatekeypairs/{stored.pk}/"
    with api.http() as http:
        tag = http.get(path).headers["etag"]
        crypto.crypto_certificatekeypairs_partial_update(
            stored.pk, ak.PatchedCertificateKeyPairRequest(certificate_data=made("other")[0])
        )
        assert http.patch(path, json={"name": api.unique("late")}, headers={"If-Match": tag}).status_code == 412
