import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from infra.cli import CommandError, report
from schemas.events import Resulted
from streams.reporting import sample


@pytest.mark.requirement("RP2")
def test_preview_draws_the_sample_and_the_same_event_from_a_file_alike(tmp_path):
    event = tmp_path / "event.json"
    event.write_bytes(TypeAdapter(Resulted).dump_json(sample.automatic()))
    one, other = tmp_path / "one.pdf", tmp_path / "other.pdf"
    for arguments in (["--out", str(one)], ["--out", str(other), "--event", str(event)]):
        result = CliRunner().invoke(report.app, ["preview", *arguments])
        assert result.exit_code == 0, result.output
        assert "1 page(s)" in result.output
    assert one.read_bytes().startswith(b"%PDF-")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("content", "complaint"), [('{"status": "DONE"}', "is no Resulted event"), ("{", "is no Resulted event")]
)
def test_preview_says_what_is_wrong_with_an_event(tmp_path, content, complaint):
    event = tmp_path / "event.json"
    event.write_text(content)
    error = CliRunner().invoke(report.app, ["preview", "--event", str(event)]).exception
    assert isinstance(error, CommandError)
    assert complaint in str(error)


def test_preview_of_an_answer_without_a_value_says_so(tmp_path):
    event = tmp_path / "event.json"
    bare = (
        TypeAdapter(Resulted).dump_json(sample.automatic()).replace(b'"value":3842528,"unit', b'"value":null,"unit', 1)
    )
    event.write_bytes(bare)
    error = (
        CliRunner().invoke(report.app, ["preview", "--event", str(event), "--out", str(tmp_path / "x.pdf")]).exception
    )
    assert "no slip without a value" in str(error)
