"""Numbers by which a slip is known. All follow from the event, so a replay issues the same slip again."""

import base64
import hashlib
import json
from collections.abc import Mapping
from uuid import UUID

from schemas.domain.worktime import shanghai_date
from schemas.events import Resulted

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: read aloud over a counter without mistakes
_TO_CROCKFORD = str.maketrans(_BASE32, _CROCKFORD)
_CODE_CHARACTERS = 12  # 60 bits: not to be guessed one request at a time
_MARK_CHARACTERS = 12  # 60 bits: of a thousand million reports, no two are likely to be alike


def report_no(result: Resulted) -> str:
    """`GJ-20261124-7Q2K-9XMD-04VN-1`: day of issue, 60 bits of the valuation's id, revision."""
    raw = UUID(result.valuation_id).bytes
    mark = _in_fours(_readable(raw[:6] + raw[9:11])[:_MARK_CHARACTERS])  # without the bits that all ids have in common
    return f"GJ-{shanghai_date(result.resulted_at):%Y%m%d}-{mark}-{result.revision}"


def superseded_no(result: Resulted) -> str | None:
    """The number of the report that this one replaces.

    An answer may name another whose report was not known yet by the id of its event, which says nothing to a reader of
    the page: that is `None`, and the ledger finds the report.
    """
    if result.supersedes is None:
        return None
    try:
        UUID(result.supersedes)
    except ValueError:
        return result.supersedes
    return None


def content_digest(content: Mapping[str, object]) -> str:
    """Hex sha256 of the slip's content as JSON with sorted keys, no spaces, in UTF-8."""
    return hashlib.sha256(_canonical(content)).hexdigest()


def verification_code(digest: str) -> str:
    """`7Q2K-9XMD-04VN`: who holds the slip can show it; who knows only the report number cannot make it up."""
    return _in_fours(_readable(bytes.fromhex(digest))[:_CODE_CHARACTERS])


def _in_fours(characters: str) -> str:
    return "-".join(characters[start : start + 4] for start in range(0, len(characters), 4))


def _canonical(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _readable(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").translate(_TO_CROCKFORD)
