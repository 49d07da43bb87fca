"""The Chinese sentences of a verification: one for each check, and one for the whole.

They go to everybody who is answered, so they repeat what was stated and never what a source has: that is a field of its
own (`VerificationCheck.found`), which only the bank's people see.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from schemas.codes import Tradability, VerificationOutcome
from schemas.domain.texts import (
    PROPERTY_TYPE_TEXTS,
    TRADABILITY_TEXTS,
    VERIFICATION_FIELD_TEXTS,
    VERIFICATION_OUTCOME_TEXTS,
)
from schemas.events import VerificationCheck
from streams.enrichment.verification.house import Field, House
from streams.enrichment.verification.sources import Absent, Known

_STATED: Final[Mapping[Field, Callable[[House], str | None]]] = MappingProxyType(
    {
        Field.COMMUNITY: lambda house: house.stated_community or house.name,
        Field.BUILDING: lambda house: house.stated_building or house.building,
        Field.UNIT: lambda house: house.door,
        Field.FLOOR: lambda house: _counted(house.floor, "层"),
        Field.TOTAL_FLOORS: lambda house: _counted(house.total_floors, "层"),
        Field.BUILT_YEAR: lambda house: _counted(house.built_year, "年"),
        Field.ROOMS: lambda house: _counted(house.rooms, "室"),
        Field.AREA: lambda house: f"{house.area_m2}㎡",
        Field.PROPERTY_TYPE: lambda house: house.property_type and PROPERTY_TYPE_TEXTS[house.property_type],
        Field.USAGE: lambda house: house.usage,
        Field.TRADABILITY: lambda house: TRADABILITY_TEXTS[house.tradability or Tradability.TRADABLE],
    }
)


def stated(field: Field, house: House) -> str | None:
    """What was stated, as people read it; `None` where nothing was."""
    return _STATED[field](house)


def confirmed(field: Field, known: Known) -> str:
    """The source says the same."""
    return f"{label(field)}与{known.said_by}一致"


def mismatch(field: Field, said: str | None, known: Known) -> str:
    """The source says something else."""
    if field is Field.TRADABILITY:
        return f"按{known.said_by}，不是可上市交易的商品房"
    return f"{label(field)}填报为{said}，与{known.said_by}不一致"


def not_found(field: Field, said: str | None, absent: Absent) -> str:
    """The source lists all there are, and not this one."""
    return f"{absent.said_by}中未查到{label(field)}“{said}”"


def unverifiable(field: Field, house: House, known: Known | None, *, is_down: bool) -> str:
    """Why nobody can say."""
    if is_down:
        return f"{label(field)}暂无法核验，相关数据来源暂不可用"
    if field is Field.COMMUNITY:
        return "地址对应多个小区，无法核验小区" if house.is_ambiguous else "地址未写明小区，无法核验小区"
    if field is Field.UNIT and house.room is None:
        return "地址未写明房号，无法核验户室"
    if known is not None:
        return f"{label(field)}没有本户记录，{known.said_by}仅有小区整体情况，不足以核验"
    return f"{label(field)}没有可供核验的记录"


def concluded(outcome: VerificationOutcome, checks: Sequence[VerificationCheck], *, is_down: bool) -> str:
    """The outcome, with what it rests on."""
    said = VERIFICATION_OUTCOME_TEXTS[outcome]
    match outcome:
        case VerificationOutcome.MISMATCH | VerificationOutcome.NOT_FOUND:
            return f"{said}：{'；'.join(check.text for check in checks if check.outcome is outcome)}。"
        case VerificationOutcome.CONFIRMED:
            open_ = _labels(checks)
            return f"{said}；未能核验：{open_}。" if open_ else f"{said}。"
        case VerificationOutcome.UNVERIFIABLE:
            why = "相关数据来源暂不可用" if is_down else f"{_labels(checks)}没有足以核验的记录"
            return f"{said}：{why}。"


def label(field: Field) -> str:
    """What the field is called."""
    return VERIFICATION_FIELD_TEXTS[field]


def _labels(checks: Sequence[VerificationCheck]) -> str:
    return "、".join(label(Field(check.field)) for check in checks if check.outcome is VerificationOutcome.UNVERIFIABLE)


def _counted(number: int | None, counter: str) -> str | None:
    return None if number is None else f"{number}{counter}"
