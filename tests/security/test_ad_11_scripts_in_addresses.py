"""AD-11: no stored address runs as a script, whatever its spelling."""

import pytest

from ostiary.applications.fields import cleaned
from ostiary.applications.proxy import proxy_settings
from ostiary.kit.errors import InvalidInput

SCRIPTS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "java\nscript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://example.com/x",
    "file:///etc/passwd",
    "//evil.test/x",
    "/\\evil.test",
    "https:evil.test",
    "https://good.example@evil.test/",
    "https://evil.test\\@good.example/",
    "https://good.example/\r\nSet-Cookie: x=1",
]


@pytest.mark.parametrize("field", ["launch_url", "icon"])
@pytest.mark.parametrize("text", SCRIPTS)
def test_ad_11_addresses_of_applications(field: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        cleaned({field: text})
    assert (caught.value.code, caught.value.field) == (f"application.{field}_invalid", field)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "DATA:x", "  vbscript:x"])
def test_ad_11_a_contact_is_no_script_either(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        cleaned({"contact": text})
    assert caught.value.code == "application.contact_invalid"


@pytest.mark.parametrize("text", SCRIPTS)
def test_ad_11_hosts(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        proxy_settings({"external_host": text})
    assert caught.value.field == "external_host"
