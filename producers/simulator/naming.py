"""Invented names of roads, business circles and communities, put together from syllables."""

from collections.abc import Iterator
from typing import Final

import numpy as np

_FIRST: Final = (
    "清云锦秀丽瑞祥和金玉翠星晨阳明华景春桂荷兰竹松柏雅文德仁义嘉福康宁安泰兴盛隆昌永恒新天海江湖山泉碧蓝紫白"
)
_SECOND: Final = "河溪波涛林园庭苑湾岸岭峰谷原野风雨霞虹辰月光辉映澜沁涵岚桥塘浦洲汀渚坊里城都府宸樾"
_ROAD_ENDINGS: Final = ("路", "路", "路", "街", "大道", "巷")
_CIRCLE_ENDINGS: Final = ("里", "桥", "新城", "湖", "广场", "门")
_OLD_ENDINGS: Final = ("新村", "小区", "里", "公寓", "一村", "二村", "东区", "西区")
_MIDDLE_ENDINGS: Final = ("花园", "家园", "苑", "公寓", "小区", "名苑", "花苑", "雅苑")
_NEW_ENDINGS: Final = ("府", "名邸", "公馆", "壹号院", "华庭", "澜庭", "铭邸", "云庭")
_VILLA_ENDINGS: Final = ("别墅", "山庄", "庄园", "墅")
_OFFICE_ENDINGS: Final = ("大厦", "国际中心", "商务中心", "广场")
_SHOP_ENDINGS: Final = ("商业街", "商业广场", "商城", "商铺街")
_VILLAGE_ENDINGS: Final = ("村安置房", "村新居", "村住宅楼")
OLD_UNTIL: Final = 1999
MIDDLE_UNTIL: Final = 2012

GENERIC_ENDINGS: Final = ("小区", "花园", "家园", "苑", "公寓", "花苑")


class Names:
    """Draws names; each stem is given once in a city, so that only wanted twins share a name."""

    def __init__(self, rng: np.random.Generator) -> None:
        stems = [first + second for first in _FIRST for second in _SECOND]
        rng.shuffle(stems)
        self._rng, self._stems = rng, self._endless(stems)

    @staticmethod
    def _endless(stems: list[str]) -> Iterator[str]:
        yield from stems
        for first in stems:  # a third syllable when a city has more names than there are pairs
            for second in stems:
                yield first + second[1]

    def road(self) -> str:
        """A road: 清河路."""
        return self._stem() + self._one_of(_ROAD_ENDINGS)

    def circle(self) -> str:
        """A business circle: 云溪新城."""
        return self._stem() + self._one_of(_CIRCLE_ENDINGS)

    def residential(self, built_year: int) -> str:
        """A residential community in the fashion of its time: 清河新村, 锦岸花园, 云澜府."""
        if built_year <= OLD_UNTIL:
            return self._stem() + self._one_of(_OLD_ENDINGS)
        return self._stem() + self._one_of(_MIDDLE_ENDINGS if built_year <= MIDDLE_UNTIL else _NEW_ENDINGS)

    def villa(self) -> str:
        """A community of villas."""
        return self._stem() + self._one_of(_VILLA_ENDINGS)

    def office(self) -> str:
        """An office building."""
        return self._stem() + self._one_of(_OFFICE_ENDINGS)

    def shop(self) -> str:
        """A row or house of shops."""
        return self._stem() + self._one_of(_SHOP_ENDINGS)

    def village(self) -> str:
        """Houses on collective land, which may not be sold freely."""
        return self._stem() + self._one_of(_VILLAGE_ENDINGS)

    def _stem(self) -> str:
        return next(self._stems)

    def _one_of(self, endings: tuple[str, ...]) -> str:
        return endings[int(self._rng.integers(len(endings)))]
