"""`python -m infra.generate.history RELEASE`: keep a release's schemas, against which all later ones are checked."""

import json
import sys
from pathlib import Path

import schemas
from schemas.avro_files import self_contained
from schemas.catalogue import TOPICS


def publish(release: str) -> None:
    """Write every event's self-contained schema. Raises `FileExistsError`: a published version never changes."""
    folder = Path(schemas.__file__).parent / "history" / release
    folder.mkdir(parents=True)
    for topic in TOPICS:
        if topic.event is not None:
            text = json.dumps(self_contained(topic.event.__name__), ensure_ascii=False, indent=1)
            (folder / f"{topic.event.__name__}.avsc").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    publish(sys.argv[1])
