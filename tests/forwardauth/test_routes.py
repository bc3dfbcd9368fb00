"""The way from a refused check to our host and back."""

from tests.forwardauth.street import Street

DEEP = "https://hello.example.com/caf%C3%A9/a%2Fb?x=1&y=%zz&z=/%20'%22&w=a+b"


async def test_first_visit_sign_in_and_back_by_callback(street: Street) -> None:
    await street.house.application()
    browser = street.browser()
    page = await browser.open(DEEP)
    assert page.status_code == 200
    assert "Hello" in page.text
    page = await browser.sign_in_here()
    assert page.status_code == 200
    assert page.headers["x-authentik-username"] == "ada"
    assert browser.trail[-1] == DEEP
