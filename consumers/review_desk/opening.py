"""Opening the desk: every service is built here, once per process, in the order in which they need each other."""

import random
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from consumers.review_desk.clock.clocks import Clocks
from consumers.review_desk.deciding.decisions import Decisions
from consumers.review_desk.deciding.panels import Panels
from consumers.review_desk.deciding.surveys import Surveys
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.knowledge.trail import AuditTrail
from consumers.review_desk.office import Office
from consumers.review_desk.orders.orders import OrderVoice, WorkOrders
from consumers.review_desk.oversight.roster import Roster
from consumers.review_desk.oversight.supervision import Supervision
from consumers.review_desk.people.access import Permission, may
from consumers.review_desk.people.accounts import Accounts
from consumers.review_desk.people.staff import Person
from consumers.review_desk.people.staff_register import StaffRegister
from consumers.review_desk.people.standing import Standing
from consumers.review_desk.policy import DeskPolicy
from consumers.review_desk.quality.corrections import Corrections
from consumers.review_desk.quality.disputes import Disputes
from consumers.review_desk.quality.quality import Quality
from consumers.review_desk.queue.desk import Desk
from consumers.review_desk.store import TaskStore
from infra.postgres.pool import Pool
from schemas.catalogue import DECISIONS, Topic
from schemas.codec import Codec


def open_office(  # noqa: PLR0913 - what the desk is made of
    *,
    pool: Pool,
    codec: Codec,
    policy: DeskPolicy,
    clock: Callable[[], datetime],
    new_token: Callable[[], str],
    new_id: Callable[[], UUID],
    randomness: random.Random,
    decisions: Topic = DECISIONS,
    sampling_seed: str = "",
) -> Office:
    """Build every service; nothing runs and nothing is asked yet. The arguments are those of `app.build`."""
    store = TaskStore(pool, codec, randomness=randomness)
    staff = StaffRegister(pool, clock=clock)
    quality = Quality(store, policy=policy, clock=clock, new_secret=new_token, sampling_seed=sampling_seed)
    standing = Standing(staff, agreement=quality.newcomer_agreement, clock=clock)
    guidelines = Guidelines(pool, clock=clock, new_id=new_id)
    panels = Panels(
        store,
        policy=policy,
        clock=clock,
        guidelines=guidelines,
        current=standing.person,
        decisions_topic=decisions,
    )
    desk = Desk(
        store,
        standing.people,
        policy=policy,
        clock=clock,
        why_not_ready=guidelines.why_not_ready,
        current=standing.person,
    )
    return Office(
        pool=pool,
        policy=policy,
        clock=clock,
        store=store,
        desk=desk,
        decisions=Decisions(
            store,
            policy=policy,
            clock=clock,
            guidelines=guidelines,
            panels=panels,
            current=standing.person,
            decisions_topic=decisions,
        ),
        panels=panels,
        surveys=Surveys(store, policy=policy, clock=clock),
        staff=staff,
        accounts=Accounts(
            pool, clock=clock, new_token=new_token, policy=policy, standing=standing.of, on_leaving=_leaves(desk)
        ),
        supervision=Supervision(
            store,
            desk=desk,
            person=standing.person,
            policy=policy,
            clock=clock,
            new_id=new_id,
            panels=panels,
        ),
        quality=quality,
        disputes=Disputes(store, clock=clock),
        orders=WorkOrders(pool, OrderVoice(codec=codec, randomness=randomness), clock=clock),
        corrections=Corrections(store, clock=clock),
        guidelines=guidelines,
        roster=Roster(pool, person=standing.person, clock=clock, new_id=new_id),
        trail=AuditTrail(pool, clock=clock),
        clocks=Clocks(store, policy=policy, clock=clock),
    )


def _leaves(desk: Desk) -> Callable[[Person], None]:
    def leave(person: Person) -> None:
        if may(person, Permission.WORK):
            desk.leave(person)

    return leave
