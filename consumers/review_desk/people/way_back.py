"""Back to where somebody was before they had to log in: to a page of our own, and to nothing else."""

from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from consumers.review_desk.people.route_rights import rule_of

HOME: Final = "/"
_LONGEST: Final = 500
_NOT_PAGES: Final = ("/api/", "/_nicegui")


def own_page(asked: str) -> str:
    r"""The page asked for, with its query, if it is one of ours; else the first page.

    Browsers read `//other.example`, `/\other.example` and paths with tabs in them as addresses of other sites.
    """
    is_plain = asked.startswith("/") and len(asked) <= _LONGEST and asked.isprintable() and "\\" not in asked
    if not is_plain or asked.startswith("//"):
        return HOME
    parts = urlsplit(asked)
    rule = rule_of("GET", parts.path)
    if parts.netloc or rule is None or rule.permission is None or parts.path.startswith(_NOT_PAGES):
        return HOME
    return quote(parts.path, safe="/") + (f"?{quote(parts.query, safe='=&%+')}" if parts.query else "")


def log_in_address(asked: str, *, has_ended: bool) -> str:
    """Where to log in, and then go on to what was asked for. `has_ended`: a session there was is over."""
    page = own_page(asked)
    query = {**({"ended": "1"} if has_ended else {}), **({} if page == HOME else {"next": page})}
    return "/login" + (f"?{urlencode(query)}" if query else "")
