"""The check of a signature that the documentation gives to integrators."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.callbacks.signing import secret_of, signed_headers

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "callbacks.md").read_text(encoding="utf-8")
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
SECRET, FORMER = secret_of(b"n" * 32), secret_of(b"o" * 32)
BODY = '{"type":"valuation.result","data":{"reason_text":"估值已完成"}}'.encode()
HEADERS = dict(signed_headers(BODY, message_id="d-1", at=AT, secrets=(SECRET, FORMER)))


def snippet(language):
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.mark.requirement("RS2")
def test_the_python_check_takes_what_is_ours_and_nothing_else():
    names = {}
    exec(snippet("python"), names)  # noqa: S102 - the snippet under test
    is_ours, now = names["is_ours"], AT.timestamp()
    assert is_ours(SECRET, HEADERS, BODY, now)
    assert is_ours(FORMER, HEADERS, BODY, now + 299)
    assert not is_ours(secret_of(b"x" * 32), HEADERS, BODY, now)
    assert not is_ours(SECRET, HEADERS, BODY + b" ", now)
    assert not is_ours(SECRET, HEADERS | {"webhook-id": "d-2"}, BODY, now)
    assert not is_ours(SECRET, HEADERS, BODY, now + 301)


def test_the_java_check_takes_what_is_ours_and_nothing_else(tmp_path):
    program = shutil.which("java")
    if program is None:
        pytest.skip("no JDK on this machine (java): the Java snippet is not run; install JDK 17 or newer")
    calls = [(SECRET, BODY, 0), (FORMER, BODY, 299), (SECRET, BODY + b" ", 0), (SECRET, BODY, 301)]
    arguments = [text for secret, body, late in calls for text in (secret, body.hex(), str(int(AT.timestamp()) + late))]
    signed = ", ".join(f'"{HEADERS[f"webhook-{name}"]}"' for name in ("id", "timestamp", "signature"))
    source = tmp_path / "Check.java"
    source.write_text(
        f"""public class Check {{
            {snippet("java")}
            public static void main(String[] given) throws Exception {{
                for (int i = 0; i < given.length; i += 3)
                    System.out.println(isOurs(given[i], {signed},
                        java.util.HexFormat.of().parseHex(given[i + 1]), Long.parseLong(given[i + 2])));
            }}
        }}""",
        encoding="utf-8",
    )
    done = subprocess.run([program, str(source), *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["true", "true", "false", "false"], done.stderr
