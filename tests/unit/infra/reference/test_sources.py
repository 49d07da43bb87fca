"""Licences from a file: taken whole or not at all, every fault with its line and field."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from infra.reference.mapping import Target, read_mapping
from infra.reference.sources import SourcesError, licence_of, read_sources, refuse_revoked, revoked
from infra.reference.tables import UnreadableTableError
from schemas.codes import SourceKind
from schemas.events import SourceLicence

NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)
SAID = {
    "source": "registry-2026",
    "kind": "DEALS",
    "holder": "甲数据公司",
    "reference": "HT-2026-017",
    "allowed_uses": "TRAINING|COMPARABLES",
    "valid_from": "2026-01-01",
    "valid_until": "2026-12-31",
    "fresh_within_days": "14",
    "approved_by": "E1001",
    "second_approver": "E1002",
}
LICENCE = SourceLicence(
    source="registry-2026",
    kind=SourceKind.DEALS,
    holder="甲数据公司",
    reference="HT-2026-017",
    allowed_uses=("TRAINING", "COMPARABLES"),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    fresh_within_days=14,
    approved_by="E1001",
    second_approver="E1002",
    approved_at=NOW,
)
TOML = """
[[source]]
source = "registry-2026"
kind = "DEALS"
holder = "甲数据公司"
reference = "HT-2026-017"
allowed_uses = ["TRAINING", "COMPARABLES"]
valid_from = 2026-01-01
valid_until = 2026-12-31
fresh_within_days = 14
approved_by = "E1001"
second_approver = "E1002"
"""


def csv_of(path, *rows):
    columns = list(SAID)
    lines = [",".join(columns), *(",".join(str({**SAID, **row}[column]) for column in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("spelling", ["e1001", "E1001 ", "Ｅ１００１"])
def test_one_person_in_two_spellings_does_not_approve_twice(spelling):
    with pytest.raises(SourcesError, match="another person"):
        licence_of({**SAID, "second_approver": spelling}, now=NOW)


def test_registering_again_does_not_lift_a_revocation_by_the_way():
    stopped = revoked(LICENCE, reason="合同解除", by="e1003", now=NOW)
    with pytest.raises(SourcesError, match=r"revoked on 2026-07-01 by E1003 \(合同解除\).*--reinstate"):
        refuse_revoked([LICENCE], {LICENCE.source: stopped})
    refuse_revoked([LICENCE], {LICENCE.source: LICENCE})


def test_options_a_table_and_a_toml_file_say_the_same(tmp_path):
    toml = tmp_path / "sources.toml"
    toml.write_text(TOML, encoding="utf-8")
    assert licence_of(SAID, now=NOW) == LICENCE
    assert read_sources(csv_of(tmp_path / "sources.csv", {}), now=NOW) == (LICENCE,)
    assert read_sources(toml, now=NOW) == (LICENCE,)


@pytest.mark.requirement("VM3")
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("source", "", "is missing"),
        ("source", "登记 数据", "letters, digits"),
        ("kind", "GOSSIP", "must be one of OTHER, DEALS"),
        ("holder", "", "is missing"),
        ("reference", "x" * 201, "1 to 200 characters"),
        ("allowed_uses", "TRAINING|RESALE", "not 'RESALE'"),
        ("valid_from", "01.01.2026", "a day like 2027-12-31"),
        ("valid_until", "2025-12-31", "lies before valid_from 2026-01-01"),
        ("fresh_within_days", "0", "whole number of days from 1"),
        ("fresh_within_days", "1.5", "whole number of days from 1"),
        ("approved_by", "", "is missing"),
        ("approved_by", "王经理", "staff number"),
        ("second_approver", "E1001", "another person"),
    ],
)
def test_a_faulty_row_is_named_by_line_and_field(tmp_path, field, value, says):
    file = csv_of(tmp_path / "sources.csv", {"source": "fine"}, {field: value})
    with pytest.raises(
        SourcesError, match=rf"sources.csv was refused, nothing was registered: line 3, {field}: .*{says}"
    ):
        read_sources(file, now=NOW)


def test_all_faults_of_a_file_are_told_at_once(tmp_path):
    file = csv_of(tmp_path / "sources.csv", {"kind": "X", "valid_from": "soon"}, {"source": "b", "approved_by": ""})
    with pytest.raises(SourcesError) as refused:
        read_sources(file, now=NOW)
    assert [(fault.line, fault.column) for fault in refused.value.faults] == [
        (2, "kind"),
        (2, "valid_from"),
        (3, "approved_by"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TOML + TOML, "registry-2026 is there twice"),
        (TOML + 'owner = "x"\n', r"\[\[source\]\] no. 1, owner: there is no such field"),
        ("", "has no source"),
    ],
)
def test_a_toml_file_is_read_strictly(tmp_path, text, says):
    file = tmp_path / "sources.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourcesError, match=says):
        read_sources(file, now=NOW)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("sources.toml", "[source", "no TOML"),
        ("sources.toml", "[sources]\n", "unknown key sources"),
        ("sources.toml", 'source = "a"\n', "no list of tables"),
        ("sources.txt", "", "neither of"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path, name, text, says):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableTableError, match=says):
        read_sources(tmp_path / name, now=NOW)


@pytest.mark.requirement("VM3")
def test_one_person_revokes_with_a_reason_and_only_once():
    gone = revoked(LICENCE, reason="合同解除", by="E1003", now=NOW)
    assert (gone.revoked_at, gone.revoked_by, gone.revocation_reason) == (NOW, "E1003", "合同解除")
    with pytest.raises(SourcesError, match="already"):
        revoked(gone, reason="again", by="E1003", now=NOW)
    with pytest.raises(SourcesError, match=r"reason: must have 1 to 200.*by: '王' is no staff number"):
        revoked(LICENCE, reason=" ", by="王", now=NOW)


def test_the_example_file_can_be_registered():
    examples = Path(__file__).parents[4] / "docs" / "examples"
    rows = {row.source: row for row in read_sources(examples / "licences" / "sources.toml", now=NOW)}
    mappings = [read_mapping(path) for path in examples.glob("*deals*.toml")]
    assert len(mappings) > 2
    for mapping in mappings:
        use = "DICTIONARY" if mapping.target is Target.COMMUNITIES else "TRAINING"
        assert use in rows[mapping.source].allowed_uses
