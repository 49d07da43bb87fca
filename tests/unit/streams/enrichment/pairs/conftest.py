"""Made-up lists, and a model that learned from them in seconds."""

import random

import pytest

from streams.enrichment.pairs.labelled import LabelledList, Relation
from streams.enrichment.pairs.training import Recipe, train

QUICK = Recipe(folds=3, forests=1, trees=40, rate=0.2)

_ROADS = ("银杏路", "海棠街", "白桦大道", "青松路", "紫藤巷", "丁香街", "芙蓉路", "石榴巷")
_COMPOUNDS = ("翠湖花园", "金桂苑", "望江公寓", "星河小区", "听涛雅居", "阳光新城", "云栖家园", "锦绣里")
_GATES = ("(南门)", "(东北门)", "(西门)")


def made_up_lists(count: int, *, seed: int = 1) -> list[LabelledList]:
    """Of each address the same building under another spelling, a neighbour or a gate, and another compound."""
    random_ = random.Random(seed)
    return [_list(random_, number) for number in range(count)]


def _list(random_: random.Random, number: int) -> LabelledList:
    road, other_road = random_.sample(_ROADS, 2)
    compound, other_compound = random_.sample(_COMPOUNDS, 2)
    building = random_.randint(1, 40)
    candidates = [
        (f"{road}{number + 1}号{compound}{building}幢", Relation.EXACT),
        (f"{road}{number + 1}号{compound}{building + 1 + random_.randint(0, 8)}号楼", Relation.PARTIAL),
        (f"{road}{number + 1}号{compound}{random_.choice(_GATES)}", Relation.PARTIAL),
        (f"{other_road}{random_.randint(1, 300)}号{other_compound}", Relation.NONE),
        (f"{other_road}附近{other_compound}{building}号楼", Relation.NONE),
    ]
    chosen = random_.sample(candidates, random_.randint(2, 5))
    return LabelledList(
        address=f"杭州市西湖区{road}{number + 1}号{compound}{building}栋",
        candidates=tuple(text for text, _ in chosen),
        relations=tuple(relation for _, relation in chosen),
    )


@pytest.fixture(scope="session")
def made_up():
    """Lists by rules a person would see at once: `made_up(count, seed=1)`."""
    return made_up_lists


@pytest.fixture(scope="session")
def trained():
    """What 150 made-up lists teach; no tagger: the rules cut the addresses."""
    return train(made_up_lists(150), stem="20260831", recipe=QUICK)
