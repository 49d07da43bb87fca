"""What a licence allows on a day, and that nothing is taken for licensed because nobody said anything."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.codes import SourceKind, SourceUse
from schemas.events import SourceLicence
from streams.scoring.licences import (
    Gate,
    Licences,
    UnlicensedSourcesError,
    learned_from,
    refuse_unlicensed,
    why_not_usable,
)

ON = date(2026, 7, 1)
LICENCE = SourceLicence(
    source="test",
    kind=SourceKind.DEALS,
    holder="甲数据公司",
    reference="HT-2026-017",
    allowed_uses=("TRAINING", "COMPARABLES"),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    approved_by="E1001",
    second_approver="E1002",
    approved_at=datetime(2025, 12, 20, tzinfo=UTC),
)
REVOKED = replace(
    LICENCE, revoked_at=datetime(2026, 6, 30, 9, tzinfo=UTC), revoked_by="E1001", revocation_reason="合同解除"
)
MANIFEST = {"data": {"sources": [{"source": "test", "deals": 600}]}}


def licences(*rows):
    return Licences(rows={row.source: row for row in rows})


@pytest.mark.requirement("VM3")
@pytest.mark.parametrize("use", [SourceUse.TRAINING, SourceUse.COMPARABLES])
def test_a_valid_licence_allows_its_uses_on_its_first_and_last_day(use):
    known = licences(LICENCE)
    assert known.why_not("test", use, LICENCE.valid_from) is None
    assert known.why_not("test", use, LICENCE.valid_until) is None


@pytest.mark.requirement("VM3")
@pytest.mark.parametrize(
    ("row", "on", "says"),
    [
        (None, ON, "not registered; register its licence with `avm sources put test`"),
        (LICENCE, date(2025, 12, 31), "valid from 2026-01-01 only"),
        (LICENCE, date(2027, 1, 1), "expired on 2026-12-31; renew it"),
        (REVOKED, ON, r"revoked on 2026-06-30 \(合同解除\)"),
        (replace(LICENCE, allowed_uses=("DICTIONARY",)), ON, "allows DICTIONARY, not TRAINING; agree on it with 甲"),
        (replace(LICENCE, allowed_uses=("TRAINING_V2",)), ON, "allows TRAINING_V2, not TRAINING"),
    ],
)  # fmt: skip
def test_training_is_refused_with_the_source_its_rows_and_the_remedy(tools, row, on, says):
    known = licences(row) if row else Licences()
    with pytest.raises(UnlicensedSourcesError, match=rf"TRAINING: test \(40 rows\): .*{says}") as refused:
        refuse_unlicensed(tools.deals(40), known, on)
    assert refused.value.sources == ("test",)


@pytest.mark.requirement("VM3")
def test_every_source_that_is_refused_is_named_and_a_licensed_one_is_not(tools):
    first, second, *others = tools.deals(20)
    mixed = [replace(first, source=""), replace(second, source="other"), *others]
    with pytest.raises(UnlicensedSourcesError, match=r"\(no source\) \(1 rows\).*other \(1 rows\)") as refused:
        refuse_unlicensed(mixed, licences(LICENCE), ON)
    assert refused.value.sources == ("(no source)", "other")


@pytest.mark.requirement("VM3")
def test_the_manifest_names_each_source_with_its_licence(tools):
    unknown = replace(tools.deals(1)[0], source="other")
    named = learned_from([*tools.deals(3), unknown], licences(LICENCE))
    assert named == [
        {"source": "other", "deals": 1, "holder": None, "reference": None, "valid_from": None, "valid_until": None},
        {
            "source": "test",
            "deals": 3,
            "holder": "甲数据公司",
            "reference": "HT-2026-017",
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
        },
    ]


@pytest.mark.requirement("VM3")
@pytest.mark.parametrize(
    ("manifest", "row", "on", "says"),
    [
        (MANIFEST, LICENCE, ON, None),
        (MANIFEST, replace(LICENCE, valid_until=None), date(2040, 1, 1), None),
        (MANIFEST, LICENCE, date(2027, 1, 1), "test: licence HT-2026-017 expired"),
        (MANIFEST, REVOKED, ON, "test: licence HT-2026-017 was revoked"),
        (MANIFEST, replace(LICENCE, allowed_uses=("COMPARABLES",)), ON, "not TRAINING"),
        (MANIFEST, None, ON, "test: it is not registered"),
        ({"data": {"sources": []}}, LICENCE, ON, "does not say which sources"),
        ({"data": {}}, LICENCE, ON, "does not say which sources"),
    ],
)
def test_a_model_is_usable_while_all_it_learned_from_may_be_learned_from(manifest, row, on, says):
    why = why_not_usable(manifest, licences(row) if row else Licences(), on)
    assert why is None if says is None else says in why


def test_only_who_says_so_goes_without_licences(tools):
    waived = Licences(waived=True)
    refuse_unlicensed(tools.deals(3), waived, ON)
    assert why_not_usable({"data": {}}, waived, ON) is None
    with pytest.raises(UnlicensedSourcesError):
        refuse_unlicensed(tools.deals(3), Licences(), ON)


@pytest.mark.requirement("VM3")
@pytest.mark.parametrize("known", [Licences(waived=True), licences(LICENCE)])
def test_a_judgement_may_teach_a_model_and_is_never_a_comparable(known):
    for source in ("decision:blind", "appraisal:test"):
        assert known.why_not(source, SourceUse.TRAINING, ON) is None
        assert "judgement" in known.why_not(source, SourceUse.COMPARABLES, ON)


class TestTheGate:
    """Deals of a source without licence wait aside and come back with it."""

    def test_deals_that_came_before_their_licence_enter_with_it(self, tools):
        gate, some = Gate(Licences()), {deal.deal_id: deal for deal in tools.deals(5)}
        assert not any(gate.admits(deal_id, deal) for deal_id, deal in some.items())
        assert gate.refused() == {"test": "it is not registered; register its licence with `avm sources put test`"}
        moved = gate.follow(licences(LICENCE), ON)
        assert (moved.back, moved.gone) == (some, frozenset())
        assert gate.refused() == {}
        assert gate.follow(licences(LICENCE), ON).back == {}

    @pytest.mark.requirement("VM3")
    def test_a_revoked_or_expired_source_goes_and_a_renewed_one_comes_back(self, tools):
        gate, (deal,) = Gate(Licences()), tools.deals(1)
        gate.follow(licences(LICENCE), ON)
        assert gate.admits("d", deal)
        for rows, day in ((licences(REVOKED), ON), (licences(LICENCE), LICENCE.valid_until + timedelta(days=1))):
            assert gate.follow(rows, day).gone == {"test"}
            gate.set_aside({"d": deal})
            assert not gate.admits("d", deal)
            assert gate.follow(licences(LICENCE), ON).back == {"d": deal}

    def test_a_deleted_or_replaced_deal_does_not_come_back(self, tools):
        gate, (first, second) = Gate(Licences()), tools.deals(2)
        corrected = replace(second, unit_price=second.unit_price + 1)
        for deal in (first, second, corrected):
            gate.admits(deal.deal_id, deal)
        gate.forget(first.deal_id)
        assert gate.follow(licences(LICENCE), ON).back == {corrected.deal_id: corrected}
