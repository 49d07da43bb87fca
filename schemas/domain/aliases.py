"""Names that people confirmed for a community: what a confirmation teaches, and how it is keyed."""

import re
from datetime import datetime
from typing import Final

from schemas.codes import AliasSource
from schemas.domain.normalise import normalise
from schemas.domain.surnames import HAN, SURNAME
from schemas.events import Candidate, CommunityAlias, ResolvedAddress

SHORTEST_ALIAS: Final = 2
LONGEST_ALIAS: Final = 31  # the longest of 32,000 real names of communities

# `Candidate.matched_by` of a name that the dictionary or an alias already spells so: there is nothing to learn.
_EXACTLY: Final = frozenset({"name", "alias", "name and road"})
_DICTIONARY: Final = "dictionary"  # `AddressPart.origin` of a name that was looked up, not read
# What tells neighbours apart: numbers, letters, points of the compass, and the words for phases they stand with.
_MARK: Final = re.compile(r"[0-9A-Z〇零一二三四五六七八九十甲乙丙丁东西南北中前后上下左右]|期|区|组团")
# Numbers, counters and words that any community may have in its name: of these alone no name is made.
_NO_NAME: Final = re.compile(
    r"[0-9A-Z〇零一二三四五六七八九十百甲乙丙丁()\-#号幢座楼单元门室层弄期区组团小大花家园苑村里院]*"
)
# A person beside a name; and the builders and places that begin like one and often stand before a name.
_PERSON: Final = re.compile(rf"{SURNAME}[{HAN}]{{1,2}}(?:先生|女士|小姐|太太)?|{SURNAME}(?:先生|女士|小姐|太太)")
_NO_PERSON: Final = re.compile(
    r"(?:万[科达]|金[地隅茂科辉桥融域]|华[润侨远]|龙湖|方兴|江南|王府|石榴|石景山|方庄|张江|陆家嘴|马连道|东方).*"
    r"|.+[桥镇庄湾店园区村塘港堡宅]"
)
_LONGEST_PERSON: Final = 6  # 欧阳小明, 王小明先生
_AS_DIGIT: Final = str.maketrans("〇零一二三四五六七八九", "00123456789")


def alias_key(city: str, alias: str) -> str:
    """The key of an alias on its topic: the city's full name and the normalised name. One city, one meaning."""
    return f"{city}|{normalise(alias)}"


def is_learnable(alias: str) -> bool:
    """Whether a reading may be kept as a name at all: of a name's length, and more than 3号楼 or 花园小区."""
    spelled = normalise(alias)
    return SHORTEST_ALIAS <= len(spelled) <= LONGEST_ALIAS and _NO_NAME.fullmatch(spelled) is None


def confirmed_alias(
    address: ResolvedAddress,
    community_id: str,
    *,
    source: AliasSource,
    confirmed_by: str,
    confirmed_at: datetime,
    valuation_id: str,
) -> CommunityAlias | None:
    """The alias that is taught by confirming `community_id` for an address, resolved as it was before; or `None`.

    Nothing is learned of a name that the dictionary knows, nor of one that fits a namesake or a sibling just as well:
    whoever said that this 望京花园 is phase one did not say that every 望京花园 is. Nor is anything learned where a
    person may stand beside the name: 王小明望京西园 belongs on no topic.
    """
    candidate = next((one for one in address.candidates if one.community_id == community_id), None)
    alias = _written_name(address)
    if candidate is None or alias is None or not is_learnable(alias) or not _is_new(alias, candidate, address):
        return None
    if any(_has_a_person_beside(alias, one.name) for one in address.candidates):
        return None
    return CommunityAlias(
        alias_key=alias_key(candidate.city, alias),
        alias=alias,
        city=candidate.city,
        community_id=community_id,
        source=source,
        confirmed_by=confirmed_by,
        confirmed_at=confirmed_at,
        valuation_id=valuation_id,
    )


def _written_name(address: ResolvedAddress) -> str | None:
    return next((part.text for part in address.parts if part.level == "community" and part.origin != _DICTIONARY), None)


def _is_new(alias: str, confirmed: Candidate, address: ResolvedAddress) -> bool:
    if confirmed.matched_by in _EXACTLY or normalise(alias) == normalise(confirmed.name):
        return False
    others = (one for one in address.candidates if one.community_id != confirmed.community_id)
    return not any(_fits_as_well(alias, confirmed.name, other.name) for other in others)


def _has_a_person_beside(alias: str, name: str) -> bool:
    """Whether an alias is what looks like a person and a known name, or its beginning, in one order or the other."""
    written, known = _spelled(alias), _spelled(name)
    if written.startswith(known):
        return _is_person(written.removeprefix(known))
    if known.startswith(written[:2]):
        return False
    return any(
        _is_person(written[:end]) and written[end:].startswith(known[:2])
        for end in range(2, min(_LONGEST_PERSON, len(written) - 2) + 1)
    )


def _is_person(text: str) -> bool:
    return _PERSON.fullmatch(text) is not None and _NO_PERSON.fullmatch(text) is None


def _spelled(name: str) -> str:
    return normalise(name).translate(_AS_DIGIT)


def _fits_as_well(alias: str, name: str, other: str) -> bool:
    """Whether the two names differ at most in their marks, and the alias has not exactly those of the first."""
    (stem, marks), (other_stem, other_marks) = _stem_and_marks(name), _stem_and_marks(other)
    _, said = _stem_and_marks(alias)
    return stem == other_stem and not (said == marks != other_marks)


def _stem_and_marks(name: str) -> tuple[str, tuple[str, ...]]:
    spelled = _spelled(name)
    return _MARK.sub("", spelled), tuple(_MARK.findall(spelled))
