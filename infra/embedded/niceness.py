"""Letting a running process step back behind the others of this machine."""

import os
from pathlib import Path

_AUTOGROUP = "autogroup"


def step_back(pid: int, niceness: int) -> bool:
    """Give every thread of a process, and its session, this niceness; `False` when it has to be tried again.

    Linux shares a processor between sessions first (sched(7), autogroup) and heeds niceness only within one of them, so
    the process must lead a session of its own. Threads that it starts later inherit theirs.
    """
    process = Path("/proc") / str(pid)
    try:
        for thread in (process / "task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
        (process / _AUTOGROUP).write_text(str(niceness), encoding="ascii")
    except BlockingIOError:  # whoever is not root may change an autogroup ten times a second, all together
        return False
    except OSError:  # it has ended, or this system has no such thing
        return True
    return True
