import shutil

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from infra.cli import CommandError, report
from infra.cli.report_template import package_in_force
from infra.settings import Settings
from schemas.domain.channels import enlisted
from schemas.events import Resulted
from streams.reporting import sample
from streams.reporting.package import SHIPPED, read_package

pytestmark = pytest.mark.requirement("RP2")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(report.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refusal(*arguments: object) -> str:
    error = CliRunner().invoke(report.app, [str(argument) for argument in arguments]).exception
    assert isinstance(error, CommandError)
    return str(error)


def test_preview_draws_a_sample_and_the_same_event_from_a_file_alike(tmp_path):
    event = tmp_path / "event.json"
    event.write_bytes(TypeAdapter(Resulted).dump_json(sample.automatic()))
    one, other = tmp_path / "one.pdf", tmp_path / "other.pdf"
    assert "1 page(s)" in run("preview", "--out", one, "--case", "automatic")
    run("preview", "--out", other, "--event", event)
    assert one.read_bytes().startswith(b"%PDF-")
    assert one.read_bytes() == other.read_bytes()


def test_preview_draws_every_sample_each_into_a_file_of_its_own(tmp_path):
    run("preview", "--out", tmp_path / "all.pdf")
    cases = {path.stem for path in (SHIPPED / "samples").glob("*.json")}
    assert {path.stem for path in tmp_path.glob("*.pdf")} == {f"all-{case}" for case in cases}


def test_preview_as_a_picture_gives_a_file_for_each_page(tmp_path):
    run("preview", "--out", tmp_path / "long.png", "--case", "longest")
    pages = sorted(path.name for path in tmp_path.iterdir())
    assert pages == ["long-1.png", "long-2.png"]
    assert (tmp_path / "long-1.png").read_bytes().startswith(b"\x89PNG")


def test_preview_says_which_samples_there_are_and_which_files_it_writes(tmp_path):
    assert "there is no sample 'villa'; there are automatic, commercial" in refusal("preview", "--case", "villa")
    assert "neither a .pdf nor a .png file" in refusal("preview", "--out", tmp_path / "x.docx")


@pytest.mark.parametrize("content", ['{"status": "DONE"}', "{"])
def test_preview_says_what_is_wrong_with_an_event(tmp_path, content):
    event = tmp_path / "event.json"
    event.write_text(content)
    assert "is no Resulted event" in refusal("preview", "--event", event)


def test_preview_of_an_answer_without_a_value_says_so(tmp_path):
    event = tmp_path / "event.json"
    whole = TypeAdapter(Resulted).dump_json(sample.automatic())
    event.write_bytes(whole.replace(b'"value":3842528,"unit', b'"value":null,"unit', 1))
    assert "no slip without a value" in refusal("preview", "--event", event, "--out", tmp_path / "x.pdf")


def test_check_tells_a_good_package_from_one_with_a_fault_in_a_line(tmp_path):
    assert "is good" in run("check", SHIPPED)
    bank = shutil.copytree(SHIPPED, tmp_path / "bank")
    (bank / "texts.toml").write_text((SHIPPED / "texts.toml").read_text().replace('G1 = "估值员（见习）"\n', ""))
    line = (SHIPPED / "texts.toml").read_text().splitlines().index("[grade]") + 1
    assert f"texts.toml:{line}: grade.G1 is missing" in refusal("check", bank)


def test_a_broken_package_at_start_is_told_and_the_last_good_one_stays(tmp_path, caplog):
    bank = shutil.copytree(SHIPPED, tmp_path / "bank")
    (bank / "template.toml").write_text((SHIPPED / "template.toml").read_text().replace('"slip"', '"bank"'))
    settings = Settings(state=tmp_path / "state", report_template=bank)
    good, _ = package_in_force(settings)
    assert good.template_version.startswith("bank-2026.12+")
    page = (bank / "slip.typ").read_text()
    (bank / "slip.typ").write_text(page.replace("head(report)", "head(report"))
    kept, renderer = package_in_force(settings)
    assert renderer.template_version == kept.template_version == good.template_version
    (told,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert "slip.typ:" in told.error


def test_a_package_that_is_no_text_at_all_stops_no_worker(tmp_path, caplog):
    bank = shutil.copytree(SHIPPED, tmp_path / "bank")
    settings = Settings(state=tmp_path / "state", report_template=bank)
    package_in_force(settings)
    (bank / "texts.toml").write_bytes("[page]\n合同".encode("gb18030"))
    package, _ = package_in_force(settings)
    assert package.folder == tmp_path / "state" / "report-templates" / package.sha256
    assert "texts.toml: cannot be read" in caplog.records[-1].error


def test_a_last_good_package_that_is_broken_too_leaves_the_shipped_one(tmp_path):
    bank = shutil.copytree(SHIPPED, tmp_path / "bank")
    settings = Settings(state=tmp_path / "state", report_template=bank)
    good, _ = package_in_force(settings)
    for folder in (bank, tmp_path / "state" / "report-templates" / good.sha256):
        (folder / "texts.toml").write_text("")  # as a release that asks for words it has not
    package, _ = package_in_force(settings)
    assert package.folder == SHIPPED


def test_workers_that_start_at_once_keep_one_copy_whose_ever_it_is(tmp_path, monkeypatch):
    bank = shutil.copytree(SHIPPED, tmp_path / "bank")
    settings = Settings(state=tmp_path / "state", report_template=bank)
    keep = tmp_path / "state" / "report-templates"
    copied, others = shutil.copytree, []

    def overtaken(source, target, *options, **more):
        """Another worker keeps the same package while this one is about to."""
        if not others:
            others.append(target)
            package_in_force(settings)
        return copied(source, target, *options, **more)

    monkeypatch.setattr(shutil, "copytree", overtaken)
    package, _ = package_in_force(settings)
    assert others
    assert sorted(path.name for path in keep.iterdir()) == sorted([package.sha256, "last-good"])
    assert read_package(keep / package.sha256).sha256 == package.sha256


def test_check_knows_the_operator_s_own_channels(tmp_path, monkeypatch):
    channels = tmp_path / "channels.toml"
    channels.write_text(
        '[KIOSK]\nname = "自助终端"\nprofile = "STAFF"\nservices = ["VALUATE"]\nreply = "SYNCHRONOUS"\n'
        'lanes = ["ONLINE"]\nscopes = ["valuations:write"]\nper_second = 5\nburst = 10\n'
    )
    bank = shutil.copytree(SHIPPED, tmp_path / "bank")
    manifest = (SHIPPED / "template.toml").read_text()
    before = '[[document]]\nkind = "SLIP"\nfile = "slip.typ"\n'
    (bank / "template.toml").write_text(manifest.replace(before, f'{before}channels = ["KIOSK"]\n\n{before}', 1))
    assert "channels: 'KIOSK' is not a known code" in refusal("check", bank)
    monkeypatch.setenv("AVM_CHANNELS_FILE", str(channels))
    with enlisted(()):
        assert "is good" in run("check", bank)
        assert "1 page(s)" in run("preview", "--template", bank, "--case", "automatic", "--out", tmp_path / "x.pdf")


def test_a_broken_package_at_the_first_start_leaves_the_shipped_one(tmp_path):
    (tmp_path / "bank").mkdir()
    package, _ = package_in_force(Settings(state=tmp_path / "state", report_template=tmp_path / "bank"))
    assert package.folder == SHIPPED
