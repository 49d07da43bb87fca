import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlparse

import pytest

from schemas.catalogue import REPORTS
from schemas.codec import Codec
from schemas.codes import Lane, Status
from schemas.errors import TransientError
from schemas.events import Reported
from schemas.registry import CatalogueRegistry
from streams.reporting import sample
from streams.reporting.stage import ReportingStage


@pytest.fixture
def stage(renderer, store, terms):
    return ReportingStage(renderer, store, terms, Lane.ONLINE)


@pytest.mark.requirement("RP1")
@pytest.mark.parametrize(
    "result", [sample.automatic(), sample.manual(), sample.shipped("note")], ids=["automatic", "manual", "note"]
)
def test_what_is_delivered_gets_a_report_that_lies_in_the_store_as_announced(stage, result):
    ((output,),) = [outcome.outputs for outcome in stage.handle([result])]
    reported = output.event
    pdf = Path(urlparse(reported.uri).path).read_bytes()
    assert (output.topic, output.lane) == (REPORTS, Lane.ONLINE)
    assert pdf.startswith(b"%PDF-")
    assert reported.sha256 == hashlib.sha256(pdf).hexdigest()
    assert (reported.size_bytes, reported.pages, reported.media_type) == (len(pdf), 1, "application/pdf")
    assert (reported.valuation_id, reported.revision) == (result.valuation_id, result.revision)
    assert reported.business_ref == result.business_ref
    assert reported.issued_at == result.resulted_at
    codec = Codec(CatalogueRegistry())
    assert codec.decode(codec.encode(reported), Reported) == reported


@pytest.mark.requirement("RP2")
def test_the_template_is_named_with_its_digest(stage, package):
    (outcome,) = stage.handle([sample.automatic()])
    assert outcome.outputs[0].event.template_version == f"slip-2026.12+{package.sha256[:12]}"


@pytest.mark.requirement("RP5")
def test_the_contract_is_named_and_the_embed_target_echoed(stage):
    (outcome,) = stage.handle([replace(sample.automatic(), embed_target="loan-file/slip-1")])
    assert outcome.outputs[0].event.contract_ref == "CZBK20170118"
    assert outcome.outputs[0].event.embed_target == "loan-file/slip-1"


def test_the_superseded_report_is_named(stage):
    (outcome,) = stage.handle([replace(sample.manual(), supersedes="GJ-20261101-7Q2K9XMD-1")])
    assert outcome.outputs[0].event.supersedes_report_no == "GJ-20261101-7Q2K9XMD-1"


@pytest.mark.requirement("RP1")
@pytest.mark.parametrize(
    ("changes", "silence"),
    [
        *[
            ({"status": status}, f"no report for {status}")
            for status in Status
            if status not in {Status.COMPLETED_AUTO, Status.COMPLETED_MANUAL}
        ],
        ({"value": None}, "no report without a value"),
        ({"channel": "WEBSITE"}, "no report on a public channel"),
        ({"channel": "FROM_TOMORROW"}, "no report on a public channel"),
    ],
)
def test_everything_else_is_passed_over_with_a_word(stage, tmp_path, changes, silence):
    (outcome,) = stage.handle([replace(sample.automatic(), **changes)])
    assert outcome.outputs == ()
    assert outcome.silence == silence
    assert list(tmp_path.iterdir()) == []


def test_a_replay_writes_the_same_object_and_says_the_same(stage, tmp_path):
    batch = [sample.automatic(), sample.manual(), sample.automatic()]
    first, second = stage.handle(batch), stage.handle(batch)
    assert first == second
    assert first[0] == first[2]
    assert len(list(tmp_path.rglob("*.pdf"))) == 2


def test_nothing_is_announced_when_the_store_is_away(renderer, terms):
    class Away:
        def put(self, content, /):
            raise TransientError(f"the report store is away; {len(content)} bytes wait")

    with pytest.raises(TransientError):
        ReportingStage(renderer, Away(), terms, Lane.ONLINE).handle([sample.automatic()])
