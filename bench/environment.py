"""Environments of their own for what we measure ourselves against: none of it is installed beside ours."""

import hashlib
import subprocess
import sys
from pathlib import Path


def python_of(environment: Path, requirements: Path) -> Path:
    """The interpreter of an environment, made anew when its requirements changed.

    Raises:
        subprocess.CalledProcessError: It cannot be made.
    """
    python, note = environment / "bin" / "python", environment / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not note.exists() or note.read_text() != wanted:
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(environment)], check=True)
        sync = [uv, "pip", "sync", "-q", "--python", str(python), "--require-hashes", str(requirements)]
        subprocess.run(sync, check=True)
        note.write_text(wanted)
    return python
