import json

import pytest

from infra.cli import main

WORDS = '[[template]]\ntrigger = "RESULTED"\naudience = "CUSTOMER"\nversion = "1"\ntitle = "t"\ntext = "{number}"\n'


@pytest.mark.requirement("NT2")
def test_the_templates_are_listed_with_the_digest_to_approve(tmp_path, capsys):
    path = tmp_path / "templates.toml"
    path.write_text(WORDS, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["notices", "templates", str(path), "--json"])
    (row,) = json.loads(capsys.readouterr().out)["templates"]
    assert (ended.value.code, row["approved"], len(row["sha256"])) == (1, False, 64)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["templates", "missing.toml"], "missing.toml"),
        (["announce", "maintenance", "m-1", "--variant", "OPENED", "--from", "2026-12-05"], "PLANNED or CANCELLED"),
        (["announce", "incident", "i-1", "--variant", "RECOVERED", "--from", "2026-12-05"], "--to"),
    ],
)
def test_what_cannot_be_done_says_why(given, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["notices", *given])
    assert ended.value.code == 1
    assert says in capsys.readouterr().err
