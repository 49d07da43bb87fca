"""Staff from a CSV file: whole or not at all."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.people.staff_file import StaffFileError, cells_of, read_cells, read_staff
from consumers.review_desk.regions import Region

HEAD = "username,name,grade,roles,regions,main_queue,skills,employer,site,hired_on,certified_until,conflicts\n"
LIN = (
    "lin,林审,G2,REVIEWER;SENIOR,YANGTZE_DELTA,YANGTZE_DELTA/RESIDENTIAL,YANGTZE_DELTA/RESIDENTIAL=4;ADDRESS=3,"
    "operator,mainland,2024-05-01,2026-12-31,c-17;c-18\n"
)


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(StaffFileError) as refused:
        read_staff(text)
    return [(fault.line, fault.column) for fault in refused.value.faults]


@pytest.mark.requirement("RD16", "GV6")
def test_a_line_says_everything_about_somebody():
    assert read_staff("\ufeff" + HEAD + LIN) == (
        Person(
            username="lin",
            name="林审",
            grade=Grade.G2,
            roles=frozenset({Role.REVIEWER, Role.SENIOR}),
            regions=frozenset({Region.YANGTZE_DELTA}),
            main_queue="YANGTZE_DELTA/RESIDENTIAL",
            skills={"YANGTZE_DELTA/RESIDENTIAL": 4, "ADDRESS": 3},
            hired_on=date(2024, 5, 1),
            certified_until=date(2026, 12, 31),
            conflicts=frozenset({"c-17", "c-18"}),
        ),
    )


def test_every_wrong_cell_is_told_with_its_line_and_column_and_nobody_is_read():
    wrong = (
        LIN.replace("lin,", "wu,").replace("G2", "G7").replace("2024-05-01", "1.5.2024")
        + LIN.replace("lin,", "chen,").replace("ADDRESS=3", "ADDRESS=6").replace("SENIOR", "BOSS")
        + LIN
    )
    assert faults(HEAD + LIN + wrong) == [
        (3, "grade"),
        (3, "hired_on"),
        (4, "roles"),
        (4, "skills"),
        (5, "username"),
    ]


def test_a_fault_reads_like_a_sentence():
    with pytest.raises(StaffFileError, match=r"第 2 行 grade：“G7”不在 G1、G2、G3、G4 之中"):
        read_staff(HEAD + LIN.replace("G2", "G7"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, name) for name in ("username", "name", "grade", "roles", "employer", "site", "hired_on")]),
        (HEAD, [(1, "")]),
        (HEAD.replace("grade", "level") + LIN, [(1, "level"), (1, "grade")]),
        (HEAD.replace("conflicts", "site") + LIN, [(1, "site")]),
        (HEAD + "lin,林审\n", [(2, "")]),
        (HEAD + '"lin,林审\n', [(2, "")]),
    ],
)
def test_a_file_of_another_form_is_refused(text, expected):
    assert faults(text) == expected


_WORD = st.text(alphabet="abc林-0", min_size=1, max_size=8)
_PEOPLE = st.builds(
    Person,
    username=_WORD,
    name=_WORD,
    grade=st.sampled_from(Grade),
    roles=st.frozensets(st.sampled_from(Role)),
    regions=st.frozensets(st.sampled_from(Region), min_size=1),
    main_queue=st.sampled_from(["", "MIDWEST/VILLA", "MIDWEST/"]),
    skills=st.dictionaries(st.sampled_from(["MIDWEST/VILLA", "OUTLIER", "BOHAI_RIM/"]), st.integers(1, 5)),
    hired_on=st.dates(),
    certified_until=st.none() | st.dates(),
    conflicts=st.frozensets(_WORD),
    is_active=st.booleans(),
)


@given(_PEOPLE)
def test_what_is_written_is_read_again(person):
    values, problems = read_cells(cells_of(person))
    assert (Person(**values), problems) == (person, {})
