"""Where the slip's Chinese fonts lie on this machine."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from schemas.errors import PermanentError

# The file that proves that a folder has what the template asks for.
_WHEEL_FONT = "NotoSansCJKsc-Regular.otf"
_DEBIAN_FOLDER = Path("/usr/share/fonts/opentype/noto")
_DEBIAN_FONT = "NotoSansCJK-Regular.ttc"


class MissingFontsError(PermanentError):
    """No folder has Noto Sans CJK SC; without it a slip would be full of empty boxes."""

    def __init__(self, looked_in: Iterable[Path]) -> None:
        places = ", ".join(map(str, looked_in)) or "no folder at all"
        super().__init__(
            f"the slip needs the fonts Noto Sans CJK SC and Noto Serif CJK SC; looked in {places}; "
            "install the Python package mplfonts or the Debian package fonts-noto-cjk"
        )


def font_folder() -> Path:
    """A folder with the Noto CJK fonts: the wheel's first, whose bytes are the same on every machine.

    Raises `MissingFontsError`.
    """
    places = [(folder, _WHEEL_FONT) for folder in _wheel_folders()] + [(_DEBIAN_FOLDER, _DEBIAN_FONT)]
    for folder, proof in places:
        if (folder / proof).is_file():
            return folder
    raise MissingFontsError(folder for folder, _ in places)


def _wheel_folders() -> list[Path]:
    """Found without importing mplfonts, which would pull in matplotlib and write a configuration."""
    spec = find_spec("mplfonts")
    return [Path(place) / "fonts" for place in (spec.submodule_search_locations or ())] if spec else []
