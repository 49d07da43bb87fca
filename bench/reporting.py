"""CPU of reporting: ms per slip, drawn anew each time, and what the first one costs on top (fonts, template).

    .venv/bin/python -m bench.reporting [--slips 60]

Prints one JSON object.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace

from schemas.events import Resulted
from schemas.ids import valuation_id
from streams.reporting.content import SlipTerms, slip
from streams.reporting.fonts import font_folder
from streams.reporting.package import SHIPPED, read_package
from streams.reporting.render import TypstRenderer
from streams.reporting.sample import automatic

_PACKAGE = read_package(SHIPPED)
_TERMS = SlipTerms(
    contract_ref="bench", issuer="bench", verification_url="https://valuation.example/verify", texts=_PACKAGE.texts
)


def answered(number: int) -> Resulted:
    """An answer unlike the others: nothing of a slip but its frame may come from the compiler's memory."""
    sample = automatic()
    value = (sample.value or 0) + number * 1_000
    return replace(sample, valuation_id=valuation_id("bench", str(number)), value=value, client_request_id=str(number))


def drawing_ms(renderer: TypstRenderer, number: int) -> tuple[float, int]:
    """CPU in ms and size in bytes of one slip."""
    began = time.process_time()
    rendered = renderer.render(slip(answered(number), _TERMS).content, issued_at_s=number)
    return (time.process_time() - began) * 1e3, len(rendered.pdf)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slips", type=int, default=60)
    slips = options.parse_args().slips
    renderer = TypstRenderer(font_folder(), _PACKAGE)
    first_ms, size = drawing_ms(renderer, 0)
    took = [drawing_ms(renderer, number)[0] for number in range(1, slips + 1)]
    print(
        json.dumps(
            {
                "slips": slips,
                "first_ms": round(first_ms, 1),
                "ms_per_slip": round(statistics.fmean(took), 2),
                "ms_per_slip_p50": round(statistics.median(took), 2),
                "kilobytes": round(size / 1e3, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
