from hashlib import sha256

import pytest

from consumers.notifier.templates import TemplateError, read, shipped

WORDS = """
[[template]]
trigger = "RESULTED"
variant = "COMPLETED_AUTO"
audience = "CUSTOMER"
version = "2"
title = "估值已完成"
text = "业务 {number} 已完成，有效期至 {valid_until}。"
"""
DIGEST = sha256("估值已完成\n业务 {number} 已完成，有效期至 {valid_until}。".encode()).hexdigest()


def approved(*people, digest=DIGEST):
    rows = "".join(f'  {{ by = "{by}", on = 2026-11-26, sha256 = "{digest}" }},\n' for by in people)
    return f"{WORDS}approved = [\n{rows}]\n"


@pytest.mark.requirement("NT2")
def test_every_template_of_this_release_is_approved_by_two():
    assert [one.name for one in shipped().all if not one.is_approved] == []


@pytest.mark.requirement("NT2")
@pytest.mark.parametrize(
    ("text", "is_approved"),
    [
        (WORDS, False),
        (approved("A"), False),
        (approved("A", "A"), False),
        (approved("A", "B"), True),
        (approved("A", "B", digest="0" * 64), False),
        (approved("A", "B").replace("已完成，", "已完成了，"), False),
    ],
    ids=["nobody", "one", "one twice", "two", "other words", "words changed since"],
)
def test_an_approval_is_of_the_very_words_and_takes_two(text, is_approved):
    (template,) = read(text).all
    assert template.is_approved is is_approved


def test_facts_take_their_places_and_an_unknown_fact_leaves_nothing_behind():
    (template,) = read(WORDS).all
    assert template.rendered({"number": "DK-1"}) == ("估值已完成", "业务 DK-1 已完成，有效期至 。")


def test_a_fact_is_not_read_for_further_places():
    (template,) = read(WORDS).all
    assert "{valid_until}" in template.rendered({"number": "{valid_until}", "valid_until": "2026-12-01"})[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[template]", "no TOML"),
        (WORDS.replace('title = "估值已完成"\n', ""), "missing title"),
        (WORDS + 'colour = "red"\n', "unknown colour"),
        (WORDS.replace("{number}", "{customer_name}"), "{customer_name} is no fact"),
        (WORDS.replace("RESULTED", "GUESSED"), "GUESSED"),
        (WORDS + WORDS, "more than one template RESULTED/COMPLETED_AUTO/CUSTOMER"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_mend(text, says):
    with pytest.raises(TemplateError, match=says.replace("{", r"\{")):
        read(text)
