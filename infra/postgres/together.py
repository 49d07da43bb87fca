"""Runs the loops of one process side by side: when one fails, all end, and the process with them."""

import threading
from collections.abc import Callable

Loop = Callable[[threading.Event], None]

_END_WITHIN_S = 30.0


def run_together(stop: threading.Event, *loops: Loop) -> None:
    """Run each loop on a thread of its own until `stop` is set, by the caller or by a loop that failed.

    Raises:
        Exception: What the first loop to fail raised.
    """
    failures: list[BaseException] = []

    def guarded(loop: Loop) -> None:
        try:
            loop(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            failures.append(error)
        finally:
            stop.set()  # a process that does half its work is worse than one that is started again

    threads = [threading.Thread(target=guarded, args=[loop], name=f"loop-{n}") for n, loop in enumerate(loops)]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(_END_WITHIN_S)
    if failures:
        raise failures[0]
