"""The policy file as a running worker sees it: taken over when it changes, refused when it is faulty."""

import hashlib
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from streams.routing.policy import Policy, PolicyError, parse

DEFAULT_POLICY = Path(__file__).with_name("policies") / "2026-11.toml"
_LOOK_EVERY_S = 1.0  # a change is for minutes, not for milliseconds; a stat per batch would be felt at 3 000 batches/s


class PolicyFile:
    """The policy in force. Call it between batches: `policy = policy_file()`.

    A new file that is faulty, or unreadable, or not yet effective, is refused: the policy in force stays, and
    `problem` says why until the file is mended or its day comes. A first file that is not yet effective is used all
    the same, since nothing else is there, and `problem` says so. `today` gives the Shanghai calendar day, `ticks` the
    seconds of a clock that only runs forward. `accepts` may refuse a changed file, e.g. one nobody approved.

    Raises `PolicyError` or `OSError` when there is no valid policy to start with.
    """

    def __init__(
        self,
        path: Path,
        today: Callable[[], date],
        ticks: Callable[[], float] = time.monotonic,
        accepts: Callable[[Policy], bool] = lambda _: True,
    ) -> None:
        self._path = path
        self._accepts = accepts
        self._today = today
        self._ticks = ticks
        self._policy = parse(path.read_bytes())
        self._problem = _not_yet(self._policy, today())
        self._look_at = ticks() + _LOOK_EVERY_S

    @property
    def problem(self) -> str | None:
        """Why the file as it lies there is not the policy in force; `None` when it is."""
        return self._problem

    def __call__(self) -> Policy:
        """The policy in force, looked up in the file at most once a second."""
        if self._ticks() >= self._look_at:
            self._look_at = self._ticks() + _LOOK_EVERY_S
            self._look()
        return self._policy

    def _look(self) -> None:
        try:
            content = self._path.read_bytes()
            unchanged = hashlib.sha256(content).hexdigest() == self._policy.sha256
            policy = self._policy if unchanged else parse(content)
        except (OSError, PolicyError) as error:
            self._problem = str(error)
            return
        self._problem = _not_yet(policy, self._today()) or self._not_accepted(policy)
        if self._problem is None:
            self._policy = policy

    def _not_accepted(self, policy: Policy) -> str | None:
        if policy.sha256 == self._policy.sha256 or self._accepts(policy):
            return None
        return (
            f"policy {policy.version} ({policy.sha256[:8]}) was not approved by two people: "
            f"`avm policy propose {self._path.name}`, then `avm policy approve`"
        )


def _not_yet(policy: Policy, today: date) -> str | None:
    if policy.effective_from <= today:
        return None
    return f"policy {policy.version} takes effect on {policy.effective_from}, today is {today}"
