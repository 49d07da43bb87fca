"""The desk as a whole: its services, as pages and interfaces use them. Nothing here but what belongs together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from consumers.review_desk.accounts import Accounts
from consumers.review_desk.clocks import Clocks
from consumers.review_desk.corrections import Corrections
from consumers.review_desk.decisions import Decisions
from consumers.review_desk.desk import Desk
from consumers.review_desk.disputes import Disputes
from consumers.review_desk.guidelines import Guidelines
from consumers.review_desk.panels import Panels
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.quality import Quality
from consumers.review_desk.roster import Roster
from consumers.review_desk.staff_register import StaffRegister
from consumers.review_desk.store import TaskStore
from consumers.review_desk.supervision import Supervision
from consumers.review_desk.surveys import Surveys
from consumers.review_desk.trail import AuditTrail
from infra.postgres.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Every service of the desk, each built once per process. `clock` gives the instant now, in UTC."""

    pool: Pool
    policy: DeskPolicy
    clock: Callable[[], datetime]
    store: TaskStore
    desk: Desk
    decisions: Decisions
    panels: Panels
    surveys: Surveys
    staff: StaffRegister
    accounts: Accounts
    supervision: Supervision
    quality: Quality
    disputes: Disputes
    corrections: Corrections
    guidelines: Guidelines
    roster: Roster
    trail: AuditTrail
    clocks: Clocks
