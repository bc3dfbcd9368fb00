"""The OpenAPI document and the page that shows it."""

import json
import time

from ostiary.api import document
from tests.api.house import ApiHouse
from tests.api.surface import described, surface


def test_the_file_is_what_the_code_says() -> None:
    assert document.FILE.read_text() == described(), "run `python -m tests.api.surface`"


def test_every_operation_is_described_with_who_may_call_it_and_its_errors() -> None:
    paths = json.loads(document.FILE.read_text())["paths"]
    for one in surface().built:
        if not one.name.startswith("ostiary_"):
            operation = paths[f"/api/v3{one.path}"][one.method.lower()]
            assert operation["operationId"] == one.name
            assert operation["x-ostiary-who"] == one.who.words
            assert {"400", "403", "404"} <= operation["responses"].keys()
            assert "422" not in operation["responses"]


def test_anybody_reads_the_document_and_its_page(api: ApiHouse) -> None:
    with api.http("") as http:
        served = http.get("/schema/")
        assert served.headers["content-type"] == "application/json"
        assert served.content == document.FILE.read_bytes()
        index = http.get("/")
        assert 'href="/api/v3/?tag=core"' in index.text
        assert "script" not in index.text
        area = http.get("/", params={"tag": "core"})
        assert "/core/applications/{slug}/" in area.text
        assert "core_applications_list" in area.text
        assert http.get("/", params={"tag": "<script>"}).text.count("<script>") == 0


def test_the_page_has_the_look_of_its_host(api: ApiHouse) -> None:
    with api.http() as http:
        brand = f"/core/brands/{http.get('/core/brands/').json()['results'][0]['brand_uuid']}/"
        try:
            assert http.patch(brand, json={"branding_title": "Acme"}).status_code == 200
            # Within a second, as everything that is held in memory.
            ends = time.monotonic() + 2
            while "<title>API · Acme</title>" not in http.get("/").text:
                assert time.monotonic() < ends
                time.sleep(0.05)
        finally:
            http.patch(brand, json={"branding_title": ""})
