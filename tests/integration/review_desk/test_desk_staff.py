"""`avm desk-staff` on a real PostgreSQL: how the first people come into a new desk."""

import json

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from infra.cli import CommandError
from infra.cli.desk_staff import app
from infra.postgres.pool import connect

pytestmark = pytest.mark.postgres

_HEAD = "username,name,grade,roles,employer,site,hired_on,certified_until\n"
_GOOD = "lin,林审,G2,REVIEWER,operator,mainland,2024-05-01,2026-12-31\nqa,齐检,G3,QA,operator,mainland,2023-01-01,\n"


@pytest.fixture
def avm(postgres, monkeypatch):
    """`avm("list")`: the command on this test's database; returns what it printed, or raises what it says."""
    monkeypatch.setenv("AVM_KAFKA__BOOTSTRAP", "not-used:9092")
    monkeypatch.setenv("AVM_POSTGRES__DSN", postgres)

    def run(*arguments: str, said: str = "") -> str:
        result = CliRunner().invoke(app, list(arguments), input=said)
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.mark.requirement("RD16")
def test_a_new_desk_gets_its_people_from_the_terminal(avm, postgres, tmp_path):
    file = tmp_path / "staff.csv"
    file.write_text(_HEAD + _GOOD.replace("G3", "G8"), encoding="utf-8")
    with pytest.raises(CommandError, match=r"一行也没有导入：\n第 3 行 grade：“G8”不在"):
        avm("import", str(file))
    assert avm("list") == ""

    file.write_text(_HEAD + _GOOD, encoding="utf-8")
    assert avm("import", str(file)) == "2 people are in the register\n"
    put = ("put", "root", "--name", "管理员", "--grade", "G1", "--role", "ADMIN", "--hired-on", "2020-01-01")
    avm(*put, "--password", said="a long pass phrase\na long pass phrase\n")
    with pytest.raises(CommandError, match="at least 12 characters"):
        avm(*put, "--password", said="short\nshort\n")
    with pytest.raises(CommandError, match="BOSS"):
        avm(*("BOSS" if word == "ADMIN" else word for word in put))
    avm("retire", "qa")
    with pytest.raises(CommandError, match="nobody is called 'nobody'"):
        avm("retire", "nobody")

    people = [json.loads(line) for line in avm("list", "--json").splitlines()]
    assert [(one["username"], one["roles"], one["is_active"]) for one in people] == [
        ("lin", ["REVIEWER"], True),
        ("qa", ["QA"], False),
        ("root", ["ADMIN"], True),
    ]
    with connect(postgres, room="review_desk") as connection:
        (digest,) = connection.execute("select password_hash from staff where username = 'root'").fetchone()
        actors = connection.execute("select distinct actor from audit_line where subject = 'staff'").fetchall()
    assert PasswordHasher().verify(digest, "a long pass phrase")
    assert all(actor.startswith("terminal:") for (actor,) in actors)
