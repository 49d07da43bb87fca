"""Start a program that cannot outlive its parent.

A supervisor that is killed with SIGKILL runs no clean-up, so the kernel has to do it: `PR_SET_PDEATHSIG` makes it
signal the child. Setting that between fork and exec (`preexec_fn`) may deadlock in a process with threads, and every
process of ours has some; so the child runs this file first, which sets it and becomes the program by `exec`: same pid,
no process in between.

The kernel means the *thread* that started the child. Start children from a thread that lives as long as they should, in
practice the main thread.

This file imports nothing of ours: it is run as a script, as `python -I -S tether.py …`.
"""

import ctypes  # all imports stand here: after a change of user Python's own files may be out of reach
import os
import pwd
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_NO_USER = "-"


def tethered(
    argv: Sequence[str], *, on_parent_death: signal.Signals = signal.SIGTERM, user: str | None = None
) -> list[str]:
    """Return a command that runs `argv` and receives `on_parent_death` when the calling process dies.

    Args:
        argv: Program (an absolute path or a name on PATH) and its arguments.
        on_parent_death: SIGTERM for programs that stop cleanly by themselves, SIGKILL where they might not.
        user: Account to run as; only root can change it.
    """
    own = [sys.executable, "-I", "-S", __file__]
    return [*own, str(os.getpid()), str(int(on_parent_death)), user or _NO_USER, *argv]


def _become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _follow(parent: int, number: int) -> None:
    """Ask for the signal; leave at once when the parent died before we could."""
    if sys.platform == "linux":
        failed = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if failed:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit(1)


def main(arguments: Sequence[str]) -> None:
    """Become the program named in `arguments`, see `tethered`."""
    parent, number, user, *argv = arguments
    if user != _NO_USER:
        _become(user)  # first: a change of user clears the parent-death signal
    _follow(int(parent), int(number))
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted here


if __name__ == "__main__":
    main(sys.argv[1:])
