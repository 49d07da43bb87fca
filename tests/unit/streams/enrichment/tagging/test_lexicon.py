from streams.enrichment.tagging.lexicon import KINDS, marks, names


def found(text):
    tokens = list(text)
    return {(text[place], KINDS[mark // 3], mark % 3) for place, mark in marks(tokens, names())}


def test_a_name_of_the_official_list_is_marked_from_its_first_to_its_last_token():
    assert {("浙", "province", 0), ("江", "province", 1), ("省", "province", 2)} <= found("浙江省")


def test_shortened_names_have_marks_of_their_own():
    assert {("杭", "short city", 0), ("州", "short city", 2)} <= found("杭州翠湖路")


def test_what_names_no_division_has_no_mark():
    assert found("翠锦苑") == set()
