"""The desk as a whole: its services, as pages and interfaces use them. Nothing here but what belongs together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from consumers.review_desk.clock.clocks import Clocks
from consumers.review_desk.deciding.decisions import Decisions
from consumers.review_desk.deciding.panels import Panels
from consumers.review_desk.deciding.surveys import Surveys
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.knowledge.trail import AuditTrail
from consumers.review_desk.orders.orders import WorkOrders
from consumers.review_desk.oversight.roster import Roster
from consumers.review_desk.oversight.supervision import Supervision
from consumers.review_desk.people.accounts import Accounts
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.quality.corrections import Corrections
from consumers.review_desk.quality.disputes import Disputes
from consumers.review_desk.quality.quality import Quality
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.store import TaskStore
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
    orders: WorkOrders
    corrections: Corrections
    guidelines: Guidelines
    roster: Roster
    trail: AuditTrail
    clocks: Clocks
