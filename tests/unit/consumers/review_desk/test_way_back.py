"""Where somebody is led after the log-in: a page of the desk's own, never another site."""

import pytest

from consumers.review_desk.people.way_back import log_in_address, own_page


@pytest.mark.parametrize("page", ["/", "/pool", "/tasks/3f9a", "/approvals?task=3f9a", "/audit?subject=staff"])
def test_a_page_of_the_desk_is_gone_back_to(page):
    assert own_page(page) == page


@pytest.mark.requirement("SE3")
@pytest.mark.parametrize(
    "elsewhere",
    [
        "",
        "pool",
        "//elsewhere.example",
        "//elsewhere.example/pool",
        "///elsewhere.example",
        "/\\elsewhere.example",
        "/\t/elsewhere.example",
        "/pool\r\nset-cookie: a=b",
        "https://elsewhere.example/pool",
        "https:/pool",
        "javascript:alert(1)",
        "/logout",
        "/login",
        "/oidc/login",
        "/api/session",
        "/_nicegui/3.0/x.js",
        "/nowhere",
        "/search?" + "a" * 500,
    ],
)
def test_anything_else_leads_to_the_first_page(elsewhere):
    assert own_page(elsewhere) == "/"
    assert log_in_address(elsewhere, has_ended=False) == "/login"


def test_the_log_in_knows_that_a_session_ended_and_what_was_asked_for():
    assert log_in_address("/", has_ended=True) == "/login?ended=1"
    assert log_in_address("/approvals?task=3f9a", has_ended=True) == "/login?ended=1&next=%2Fapprovals%3Ftask%3D3f9a"
    assert log_in_address("/search?q=翠苑&b=c", has_ended=False).endswith(
        "%2Fsearch%3Fq%3D%25E7%25BF%25A0%25E8%258B%2591%26b%3Dc"
    )
