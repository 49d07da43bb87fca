"""Which names that people use are enough of a name to stand for a community, whoever looks it up."""

from typing import Final

from schemas.codes import AliasSource
from schemas.domain.aliases import is_learnable
from schemas.domain.normalise import normalise

_APART: Final = str.maketrans("", "", "()-#")
# Generic words, numerals, letters and points of the compass: what tells 南区 from 北区 names no community.
SAYS_NOTHING: Final = frozenset(
    "小区社花园家公寓新村苑嘉里院住宅"
    "0123456789〇零一二三四五六七八九十ABCDEFGHIJKLMNOPQRSTUVWXYZ甲乙丙丁戊己庚辛"
    "东西南北中前后左右上下内外"
    "号期幢座栋楼层第弄大室单元户"
)
# Taken from what a person typed or saw in an address: it may hold more than the name of a place.
_FROM_ADDRESSES: Final = frozenset({AliasSource.REVIEWER, AliasSource.STAFF_REPLY})


def is_telling(alias: str) -> bool:
    """Whether an alias is learnable and says more than 公寓 or 南区."""
    bare = normalise(alias).translate(_APART)
    return is_learnable(alias) and len(bare) > 1 and not SAYS_NOTHING.issuperset(bare)


def may_be_shown(source: AliasSource) -> bool:
    """Whether an alias of this source may be shown to people outside; by the others one may only be found."""
    return source not in _FROM_ADDRESSES
