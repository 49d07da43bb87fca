"""`python -m infra.generate [--check]`: write the generated files, or fail when one is stale."""

import sys
from pathlib import Path

from infra.generate.documents import FILES

ROOT = Path(__file__).parents[2]


def stale() -> list[str]:
    """The generated files that differ from what the catalogue says."""
    found = []
    for name, text in FILES.items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text():
            found.append(name)
    return found


def main() -> int:
    """0 when all is fresh or was written; 1 when `--check` found stale files."""
    if "--check" in sys.argv[1:]:
        names = stale()
        for name in names:
            sys.stderr.write(f"{name} is stale: run `make generate`\n")
        return 1 if names else 0
    for name, text in FILES.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
