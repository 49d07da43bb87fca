"""Orders: what is wrong with one, and whether it is the order of a job that is there already."""

from datetime import datetime, timedelta
from typing import Final

from producers.batch.job import Job, Order, is_job_id
from producers.batch.problems import Code, JobRefusedError

_FURTHEST: Final = timedelta(days=366)  # ahead, of a deadline
_MOST_CHANGE: Final = 100  # hundredfold: beyond it nothing is told


def what_is_wrong(order: Order, now: datetime) -> str:
    """What is wrong with an order, whatever its file; empty: nothing."""
    if not order.name.isprintable():
        return "name: of visible characters alone"
    if order.job_id is not None and not is_job_id(order.job_id):
        return "job_id: up to 40 letters, digits, dots, dashes, underscores"
    if order.deadline_at is not None and not now < order.deadline_at <= now + _FURTHEST:
        which = "has passed" if order.deadline_at <= now else "lies more than a year ahead"
        return f"deadline_at: {order.deadline_at.isoformat()} {which}"
    if not 0 < order.alert_change <= _MOST_CHANGE:
        return f"alert_change: a share above 0 and up to {_MOST_CHANGE}, such as 0.10"
    return ""


def same_job(known: Job, order: Order, channel: str, sha256: str) -> Job:
    """The job that a file is already, if it is ordered alike. Of another channel's job nothing is told."""
    mend = "choose another job_id, or leave it out: it is then made from the file's content"
    if known.channel != channel:
        raise JobRefusedError(Code.JOB_ID_TAKEN, f"job_id {known.job_id} cannot be used; {mend}")
    if known.sha256 != sha256:
        raise JobRefusedError(Code.JOB_ID_TAKEN, f"job {known.job_id} is of {known.name}, another file; {mend}")
    if order.count is not None and order.count != known.rows:
        why = f"{order.name} has {known.rows} rows, not the {order.count} that were declared; mend count"
        raise JobRefusedError(Code.COUNT_MISMATCH, why)
    differs = _differences(known, order)
    if differs:
        why = (
            f"the file is job {known.job_id} already, with {differs}; leave these as they were, or choose a new job_id"
        )
        raise JobRefusedError(Code.OTHER_ORDER, why)
    return known


def _differences(known: Job, order: Order) -> str:
    pairs = {
        "deadline_at": (known.deadline_at, order.deadline_at or known.deadline_at),
        "revaluation_of": (known.revaluation_of, order.revaluation_of),
        "alert_change": (known.alert_change, order.alert_change),
        "column": (sorted(known.columns), sorted(order.columns)),
    }
    return ", ".join(f"{name} {was} instead of {now}" for name, (was, now) in pairs.items() if was != now)
