"""Drafts as a browser sends them: made fit to be kept, or refused. Pure."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from consumers.review_desk.task import IncompleteCommandError

LARGEST_DRAFT: Final = 64 * 1024  # bytes of JSON; a full form with forty comparables has ten thousand
_DEEPEST: Final = 20
_UNSTORABLE: Final = str.maketrans({"\x00": "\ufffd"} | {chr(code): "\ufffd" for code in range(0xD800, 0xE000)})


def storable(draft: Mapping[str, Any]) -> dict[str, Any]:
    """The draft as PostgreSQL can keep it: characters that it cannot are replaced.

    Raises:
        IncompleteCommandError: Too large or too deep, or a number is none.
    """
    cleaned: dict[str, Any] = _cleaned(draft, 0)
    if len(json.dumps(cleaned, ensure_ascii=False).encode()) > LARGEST_DRAFT:
        raise IncompleteCommandError(f"草稿超过{LARGEST_DRAFT // 1024}KB，未能保存，请缩短文字内容")
    return cleaned


def _cleaned(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise IncompleteCommandError("草稿层次过深，未能保存，请刷新页面后重新填写")
    match value:
        case str():
            return value.translate(_UNSTORABLE)
        case float() if not isfinite(value):
            raise IncompleteCommandError("草稿中有不是数值的数字（NaN或无穷大），未能保存，请检查单价、修正系数和权重")
        case Mapping():
            return {str(name).translate(_UNSTORABLE): _cleaned(each, depth + 1) for name, each in value.items()}
        case list() | tuple():
            return [_cleaned(each, depth + 1) for each in value]
        case _:
            return value
