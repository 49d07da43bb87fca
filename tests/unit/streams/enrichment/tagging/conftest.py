"""A small made-up set of labelled addresses, and a tagger that learned from it once for all tests."""

import itertools
import random

import pytest

from streams.enrichment.tagging.labelled import LabelledAddress
from streams.enrichment.tagging.spans import Span, labels_of
from streams.enrichment.tagging.tokens import tokenise
from streams.enrichment.tagging.training import Recipe, train

_CITIES = (("浙江省", "杭州市", "西湖区"), ("浙江省", "宁波市", "鄞州区"), ("江苏省", "南京市", "玄武区"))
_FIRST, _SECOND = "翠锦碧华丽金银云", "湖苑庭园岸林城景"
_LENGTHS = range(17, 25)  # tokens: batches of one shape, which is compiled once
SMALL = Recipe(
    width=24,
    rate=1e-2,
    dropout=0.1,
    unseen=0.05,
    batch=16,
    pretraining_epochs=1,
    teacher_epochs=6,
    student_epochs=6,
    students=2,
)


def labelled(*pieces, split="train"):
    """`labelled(("杭州市", "city"), …)`: an address of these pieces."""
    tokens, spans = [], []
    for text, tag in pieces:
        cut = tokenise(text)
        spans.append(Span(len(tokens), len(tokens) + len(cut), tag))
        tokens += cut
    return LabelledAddress(split=split, tokens=tuple(tokens), labels=labels_of(spans, len(tokens)))


def made_up(count, *, seed, split="train"):
    """Addresses as a person could have written and labelled them; names are combined anew for every seed."""
    chance = random.Random(seed)
    names = ["".join(pair) for pair in itertools.product(_FIRST, _SECOND)]
    rows = []
    while len(rows) < count:
        province, city, district = chance.choice(_CITIES)
        pieces = [(province, "prov")] if chance.random() < 0.5 else []
        pieces += [(city, "city"), (district, "district")]
        if chance.random() < 0.7:
            pieces += [(f"{chance.choice(names)}路", "road"), (f"{chance.randint(1, 999)}号", "roadno")]
        pieces += [(f"{chance.choice(names)}{chance.choice(('花园', '小区', '公寓'))}", "poi")]
        pieces += [(f"{chance.randint(1, 40)}{chance.choice(('幢', '栋', '号楼'))}", "houseno")]
        if chance.random() < 0.7:
            pieces += [(f"{chance.randint(1, 5)}单元", "cellno")]
        pieces += [(f"{chance.randint(101, 2904)}{chance.choice(('室', ''))}", "roomno")]
        row = labelled(*pieces, split=split)
        if len(row.tokens) in _LENGTHS:
            rows.append(row)
    return rows


@pytest.fixture(scope="session")
def said():
    """What training said of its progress."""
    return []


@pytest.fixture(scope="session")
def artefact(said):
    """The artefact of a tagger that learned from 300 made-up addresses, and read 40 more."""
    texts = [row.text for row in made_up(40, seed=3)]
    return train(made_up(300, seed=1), texts, recipe=SMALL, progress=said.append)
