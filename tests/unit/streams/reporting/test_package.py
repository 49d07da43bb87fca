"""A bank's own template package: read whole, checked with every sample, and told with file and line what is wrong."""

import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.reporting import sample
from streams.reporting.archive import folder_of
from streams.reporting.check import checked_package, terms_of
from streams.reporting.content import slip
from streams.reporting.faults import TemplateError
from streams.reporting.fonts import font_folder
from streams.reporting.package import SHIPPED, read_package

pytestmark = pytest.mark.requirement("RP2")


@pytest.fixture
def bank(tmp_path) -> Path:
    """A copy of the shipped package, to be changed."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "bank"))


@pytest.fixture
def amended(bank) -> Callable[[str, str, str], Path]:
    def amend(file: str, before: str, after: str) -> Path:
        text = (bank / file).read_text(encoding="utf-8")
        assert before in text
        (bank / file).write_text(text.replace(before, after, 1), encoding="utf-8")
        return bank

    return amend


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(TemplateError) as refused:
        checked_package(folder, font_folder())
    return [str(fault) for fault in refused.value.faults]


def line_of(path: Path, text: str) -> int:
    return next(place for place, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


def test_another_word_in_the_package_is_another_word_on_the_page_without_any_code(amended):
    bank = amended("texts.toml", 'SLIP = "房屋估价报告单"', 'SLIP = "押品评估单"')
    package, _ = checked_package(bank, font_folder())
    assert slip(sample.automatic(), terms_of(package)).content["title"] == "押品评估单"
    assert package.sha256 != read_package(SHIPPED).sha256
    assert package.template_version == f"slip-2026.12+{package.sha256[:12]}"


def test_samples_do_not_change_the_version_of_a_package(bank):
    before = read_package(bank).sha256
    (bank / "samples" / "automatic.json").unlink()
    assert read_package(bank).sha256 == before


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("template.toml", 'name = "slip"\n', "", "template.toml: name is missing"),
        ("template.toml", 'name = "slip"', 'nam = "slip"', "unknown field nam; known are name, version"),
        ("template.toml", 'file = "note.typ"\nservices', 'file = "nota.typ"\nservices', "file = 'nota.typ' is not in"),
        ("template.toml", '"VERIFY"', '"VERIFIED"', "services: 'VERIFIED' is not a known code"),
        ("template.toml", 'kind = "SLIP"', 'kind = "BILL"', "kind SLIP without selectors is missing"),
        ("template.toml", 'texts = "texts.toml"', 'texts = "../texts.toml"', "texts = '../texts.toml' is not in the"),
        ("template.toml", 'version = "2026.12"', "version = ", "not TOML"),
        ("texts.toml", 'G4 = "专家估值师"\n', "", "grade.G4 is missing; add it to [grade]"),
        ("texts.toml", "[capacity]\n", '[capacity]\nCLERK = "办事员"\n', "capacity.CLERK is not a word of the reports"),
        ("texts.toml", "{sources}", "{source}", "conditions.degraded asks for {source}; {sources} can be filled in"),
        ("texts.toml", "[standing]", "[standings]", "unknown table [standings]; remove it"),
        ("slip.typ", "report.value,", "report.price,", 'dictionary does not contain key "price"'),
        ("note.typ", "verification(report)", "verification(report", "unclosed delimiter"),
        ("texts.toml", 'scan = "扫码核验真伪"\n', "", 'dictionary does not contain key "scan"'),
    ],
)
def test_a_fault_is_told_with_what_is_wrong(amended, file, before, after, told):
    faults = faults_of(amended(file, before, after))
    assert any(told in fault for fault in faults), faults


def test_a_fault_is_told_with_its_file_and_line(amended, bank):
    amended("texts.toml", "{sources}", "{source}")
    line = line_of(bank / "texts.toml", "{source}")
    assert faults_of(bank)[0].startswith(f"texts.toml:{line}: ")


def test_a_fault_of_typst_is_told_with_its_file_and_line_and_the_samples_that_meet_it(amended, bank):
    amended("note.typ", "words.subject_note", "words.subject_not")
    line = line_of(bank / "note.typ", "words.subject_not)")
    (fault,) = faults_of(bank)
    assert fault.startswith(f"note.typ:{line}: ")
    assert fault.endswith("(samples: note)")


def test_everything_wrong_in_the_words_is_told_at_once(amended, bank):
    amended("texts.toml", 'G4 = "专家估值师"\n', "")
    amended("texts.toml", 'VALUER = "估价"\n', "")
    assert len(faults_of(bank)) == 2


def test_a_sample_that_is_no_answer_is_named(bank):
    (bank / "samples" / "ours.json").write_text('{"status": "DONE"}')
    (fault,) = faults_of(bank)
    assert fault.startswith("samples/ours.json: ")


def test_the_first_document_that_fits_an_answer_is_drawn(amended, bank):
    shutil.copy(bank / "slip.typ", bank / "secured.typ")
    amended(
        "template.toml",
        "[[document]]",
        '[[document]]\nkind = "SLIP"\nfile = "secured.typ"\nproducts = ["HOUSE_SECURED"]\n\n[[document]]',
    )
    package = read_package(bank)
    assert package.document("SLIP", {"product": "HOUSE_SECURED"}) == "secured.typ"
    assert package.document("SLIP", {"product": "HOUSE_PURCHASE_MORTGAGE"}) == "slip.typ"
    assert package.document("NOTE", {"product": "HOUSE_SECURED"}) == "note.typ"


@pytest.mark.parametrize("inner", ["", "bank/"], ids=["contents", "folder"])
def test_a_package_may_come_as_a_zip_file_and_has_the_same_digest(tmp_path, inner):
    path = tmp_path / "bank.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(SHIPPED.rglob("*")):
            archive.write(file, inner + file.relative_to(SHIPPED).as_posix())
    folder = folder_of(path, tmp_path / "kept")
    assert read_package(folder).sha256 == read_package(SHIPPED).sha256
    assert folder_of(path, tmp_path / "kept") == folder


def test_what_is_neither_a_folder_nor_a_zip_file_is_refused(tmp_path):
    path = tmp_path / "bank.zip"
    path.write_text("no zip")
    with pytest.raises(TemplateError, match="neither a folder nor a zip file"):
        folder_of(path, tmp_path / "kept")


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("template.toml", 'kind = "NOTE"', 'kind = ["NOTE"]', "kind = ['NOTE'] has to be one of SLIP, NOTE"),
        ("template.toml", 'file = "slip.typ"', "file = 7", "file = 7 is not in the package"),
        ("template.toml", '["VERIFY"]', '[["VERIFY"]]', "services: ['VERIFY'] is not a known code"),
        ("template.toml", '"texts.toml"', '"a\\u0000b"', "is not in the package"),
        ("template.toml", 'samples = "samples"', 'samples = "."', "samples = '.' is the package itself"),
        ("template.toml", 'samples = "samples"', "samples = 3", "samples = 3 is not in the package"),
        ("template.toml", '"texts.toml"', '"samples/automatic.json"', "lies among the samples"),
        ("texts.toml", "请以报告 {report_no} 为准", "请以报告 {report_no:{x}} 为准", "notice.REPLACED_TEXT"),
        ("texts.toml", "请以报告 {report_no} 为准", "请以报告 {report_no:d} 为准", "notice.REPLACED_TEXT"),
    ],
)
def test_a_shape_that_no_package_has_is_a_fault_like_any_other(amended, file, before, after, told):
    faults = faults_of(amended(file, before, after))
    assert any(told in fault for fault in faults), faults


@pytest.mark.parametrize("name", ["template.toml", "texts.toml"])
def test_a_file_that_is_no_utf8_is_named(bank, name):
    (bank / name).write_bytes((SHIPPED / name).read_text(encoding="utf-8").encode("gb18030"))
    (fault,) = faults_of(bank)
    assert fault.startswith(f"{name}: cannot be read: ")
    assert fault.endswith("save it as UTF-8")


def test_a_sample_that_cannot_be_read_is_named(bank):
    (bank / "samples" / "ours.json").mkdir()
    (fault,) = faults_of(bank)
    assert fault.startswith("samples/ours.json: ")


def a_zip(path: Path, **settings) -> Path:
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for file in sorted(SHIPPED.rglob("*")):
            archive.write(file, file.relative_to(SHIPPED).as_posix())
    return path


def encrypted(raw: bytes) -> bytes:
    """The bit that says so, in every entry of the directory and before every file."""
    return _patched(raw, flag=1)


def packed_in_an_unknown_way(raw: bytes) -> bytes:
    return _patched(raw, method=99)


def _patched(raw: bytes, *, flag: int = 0, method: int | None = None) -> bytes:
    patched = bytearray(raw)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = raw.find(mark)
        while place >= 0:
            patched[place + at] |= flag
            if method is not None:
                patched[place + at + 2] = method
            place = raw.find(mark, place + 4)
    return bytes(patched)


def damaged(raw: bytes) -> bytes:
    place = raw.find(b"texts.toml") + 400
    return raw[:place] + bytes(200) + raw[place + 200 :]


def without_its_middle(raw: bytes) -> bytes:
    return raw[:100] + raw[-22:]


@pytest.mark.parametrize("broken", [encrypted, packed_in_an_unknown_way, damaged, without_its_middle])
def test_a_zip_file_that_cannot_be_unpacked_is_refused_and_leaves_nothing_behind(tmp_path, broken):
    path = a_zip(tmp_path / "bank.zip")
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(TemplateError, match=r"bank\.zip: the zip file cannot be unpacked: "):
        folder_of(path, tmp_path / "kept")
    assert list((tmp_path / "kept").glob("*")) == []


@pytest.mark.parametrize(("files", "size"), [(300, 1), (1, 60_000_000)], ids=["many", "large"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, files, size):
    path = tmp_path / "bank.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(files):
            archive.writestr(f"{place}.typ", bytes(size))
    with pytest.raises(TemplateError, match="more than 200 files or 50,000,000 bytes"):
        folder_of(path, tmp_path / "kept")
    assert list((tmp_path / "kept").glob("*")) == []


def test_what_a_desktop_puts_beside_the_files_is_no_part_of_a_package(tmp_path):
    path = tmp_path / "bank.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(SHIPPED.rglob("*")):
            archive.write(file, f"bank/{file.relative_to(SHIPPED).as_posix()}")
        for name in ("__MACOSX/bank/._slip.typ", "bank/.DS_Store", "bank/._slip.typ"):
            archive.writestr(name, b"\x00\x05\x16\x07")
    assert read_package(folder_of(path, tmp_path / "kept")).sha256 == read_package(SHIPPED).sha256


def test_the_package_of_the_documentation_is_a_good_one(tmp_path):
    page = (Path(__file__).parents[4] / "docs" / "reports.md").read_text(encoding="utf-8")
    bank = tmp_path / "my-bank"
    (bank / "samples").mkdir(parents=True)
    shutil.copy(SHIPPED / "texts.toml", bank)
    for name, language in (("template.toml", "toml"), ("page.typ", "typ")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        (bank / name).write_text(block, encoding="utf-8")
    package, _ = checked_package(bank, font_folder())
    assert package.template_version.startswith("my-bank-2027.01+")
