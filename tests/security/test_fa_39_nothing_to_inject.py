"""FA-39: what is printed into annotations and redirects holds nothing that could leave its place."""

import pytest

from ostiary.applications.fields import slug
from ostiary.applications.proxy import proxy_settings
from ostiary.kit.errors import InvalidInput

SIGNS = ["\n", "\r", ";", "}", "{", "'", '"', "`", "$", "#", "../", " ", "\x00", "\\", "%0a", "<", "|"]


@pytest.mark.parametrize("sign", SIGNS)
def test_fa_39_hosts_domains_and_slugs(sign: str) -> None:
    host = f"https://hello{sign}x.example.com"
    for fields in (
        {"external_host": host},
        {
            "external_host": "https://a.example.com",
            "mode": "forward_domain",
            "cookie_domain": f"a{sign}b.example.com",
        },
        {"external_host": "https://a.example.com", "authorization_flow": f"a{sign}b"},
    ):
        with pytest.raises(InvalidInput):
            proxy_settings(fields)
    with pytest.raises(InvalidInput):
        slug(f"a{sign}b")
