"""FA-24: a cookie domain ends at a label boundary, in whatever spelling it is written."""

import pytest

from ostiary.applications.proxy import proxy_settings
from ostiary.kit.errors import InvalidInput


@pytest.mark.parametrize("host", ["notexample.com", "example.com.evil.test", "evil.test", "example.co"])
@pytest.mark.parametrize("domain", ["example.com", ".example.com", "EXAMPLE.com."])
def test_fa_24_a_host_that_only_ends_alike_is_not_below_the_domain(host: str, domain: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        proxy_settings({"external_host": f"https://{host}", "mode": "forward_domain", "cookie_domain": domain})
    assert caught.value.code == "provider.cookie_domain_elsewhere"


@pytest.mark.parametrize("host", ["example.com", "a.example.com", "A.EXAMPLE.com.", "a.b.example.com"])
def test_fa_24_true_names_below_it_are(host: str) -> None:
    made = proxy_settings(
        {"external_host": f"https://{host}", "mode": "forward_domain", "cookie_domain": "EXAMPLE.com."}
    )
    assert made.cookie_domain == "example.com"


@pytest.mark.parametrize("domain", ["com", "co.uk", "github.io", "s3.amazonaws.com", "xn--p1ai", "рф"])
def test_fa_24_no_cookie_spans_names_that_anyone_may_register(domain: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        proxy_settings({"external_host": f"https://a.{domain}", "mode": "forward_domain", "cookie_domain": domain})
    assert caught.value.code == "provider.cookie_domain_public"
