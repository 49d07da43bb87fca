"""Every page of the desk, in the order of the navigation."""

from collections.abc import Callable
from typing import Final

from consumers.review_desk.office import Office
from consumers.review_desk.pages.approvals import add_approvals
from consumers.review_desk.pages.audit import add_audit
from consumers.review_desk.pages.case import add_case
from consumers.review_desk.pages.disputes import add_disputes
from consumers.review_desk.pages.guidelines import add_guidelines
from consumers.review_desk.pages.my_work import add_my_work
from consumers.review_desk.pages.orders import add_orders
from consumers.review_desk.pages.panel import add_panel
from consumers.review_desk.pages.pool import add_pool
from consumers.review_desk.pages.quality import add_quality
from consumers.review_desk.pages.roster import add_roster
from consumers.review_desk.pages.search import add_search
from consumers.review_desk.pages.staff import add_staff
from consumers.review_desk.pages.supervisor import add_supervisor
from consumers.review_desk.pages.wallboard import add_wallboard
from consumers.review_desk.pages.watch import add_watch

EVERY: Final[tuple[Callable[[Office], None], ...]] = (
    add_my_work,
    add_case,
    add_pool,
    add_approvals,
    add_panel,
    add_search,
    add_disputes,
    add_orders,
    add_supervisor,
    add_watch,
    add_wallboard,
    add_quality,
    add_guidelines,
    add_audit,
    add_roster,
    add_staff,
)
