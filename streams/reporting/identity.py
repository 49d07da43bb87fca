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


def report_no(result: Resulted) -> str:
    """`GJ-20261124-7Q2K9XMD-1`: day of issue, 40 bits of the valuation's id, revision."""
    mark = _readable(UUID(result.valuation_id).bytes[:5])
    return f"GJ-{shanghai_date(result.resulted_at):%Y%m%d}-{mark}-{result.revision}"


def content_digest(content: Mapping[str, object]) -> str:
    """Hex sha256 of the slip's content as JSON with sorted keys, no spaces, in UTF-8."""
    return hashlib.sha256(_canonical(content)).hexdigest()


def verification_code(digest: str) -> str:
    """`7Q2K-9XMD-04VN`: who holds the slip can show it; who knows only the report number cannot make it up."""
    code = _readable(bytes.fromhex(digest))[:_CODE_CHARACTERS]
    return "-".join(code[start : start + 4] for start in range(0, _CODE_CHARACTERS, 4))


def _canonical(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _readable(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").translate(_TO_CROCKFORD)
