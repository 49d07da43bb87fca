import numpy as np
import pytest

from streams.enrichment.tagging import features
from streams.enrichment.tagging.features import UNSEEN, Vocabulary
from streams.enrichment.tagging.tokens import tokenise


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.of([tokenise("翠湖路13号")] * 4)


def tokens_with(vocabulary, text, mark):
    tokens = tokenise(text)
    marks = vocabulary.encode([tokens]).marks[:, mark]
    return "".join(token for token, is_marked in zip(tokens, marks, strict=True) if is_marked)


def test_what_was_seen_has_a_number_and_all_else_shares_one(vocabulary):
    known, other = vocabulary.encode([tokenise("翠湖路13号"), tokenise("锦苑")]).grams[[0, 5]]

    assert (known > UNSEEN).all()
    assert (other == UNSEEN).all()


def test_house_numbers_of_one_length_are_the_same_to_it(vocabulary):
    one, other = (vocabulary.encode([tokenise(f"翠湖路{number}号")]).grams for number in (13, 87))

    assert (one == other).all()


def test_what_is_said_twice_is_marked_both_times(vocabulary):
    text = "翠湖苑翠湖路"

    assert tokens_with(vocabulary, text, features.SAID_AGAIN) == "翠湖"
    assert tokens_with(vocabulary, text, features.SAID_BEFORE) == "翠湖"
    assert tokens_with(vocabulary, "翠湖苑锦湖路", features.SAID_AGAIN) == ""


def test_numbers_of_one_length_are_no_repetition(vocabulary):
    assert tokens_with(vocabulary, "12号锦34号", features.SAID_BEFORE) == ""


def test_a_token_knows_which_divisions_are_named_before_and_after_it(vocabulary):
    city = 1  # province, city, county, town
    text = "翠湖杭州市锦苑"

    assert tokens_with(vocabulary, text, features.NAMED_BEFORE + city).endswith("锦苑")
    assert "翠湖" not in tokens_with(vocabulary, text, features.NAMED_BEFORE + city)
    assert tokens_with(vocabulary, text, features.NAMED_AFTER + city) == "翠湖"


def test_addresses_of_one_batch_know_nothing_of_each_other(vocabulary):
    rows = [tokenise(text) for text in ("翠湖路13号", "杭州市翠湖", "翠")]
    together = vocabulary.encode(rows)

    for part in ("grams", "marks"):
        alone = np.concatenate([getattr(vocabulary.encode([row]), part) for row in rows])
        assert (getattr(together, part) == alone).all()


def test_a_vocabulary_is_the_same_after_writing_and_reading(vocabulary):
    assert Vocabulary.from_lists(vocabulary.as_lists()) == vocabulary
