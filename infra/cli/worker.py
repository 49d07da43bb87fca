"""`avm worker STAGE --lane LANE`: one process of one stage."""

import importlib.metadata
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.connections import codec, kafka_conf, settings_in_force, shanghai_today, utc_now
from infra.settings import Settings
from schemas.catalogue import (
    ACCEPTED,
    ALIASES,
    CLARIFICATIONS,
    COMMUNITIES,
    COVERAGE,
    DECISIONS,
    DEGRADED,
    DELIVERIES,
    DISPUTES_OPENED,
    ENRICHED,
    MODELS_RELEASED,
    PROPERTIES,
    PROPOSALS,
    REPORTS,
    REQUESTS,
    RESULTS,
    REUSABLE,
    REVIEW_PROGRESS,
    REVIEWS,
    SCORED,
    SEGMENTS,
    SHADOW,
    SOURCES,
    WITHDRAWALS,
    Topic,
)
from schemas.codes import Lane
from streams.runtime.reference import ReferenceSource
from streams.runtime.stage import Stage
from streams.runtime.window import Bounds
from streams.runtime.worker import Input, WorkerConfig, run_worker

if TYPE_CHECKING:
    from streams.routing.proposals import PolicyInForce

app = typer.Typer(add_completion=False)
_BATCH_YIELDS = 5  # on one machine the batch lane's workers leave the processor to the online lane's
_BATCH_RESTS_S = 0.2  # between fetches of the batch lane: what trickles in otherwise costs the broker a fetch a row
_SHADOW_YIELDS = 10  # nobody waits for the shadow


class StageName(StrEnum):
    """The stages there are."""

    INTAKE = "intake"
    ENRICHMENT = "enrichment"
    SCORING = "scoring"
    STAND_IN = "stand-in"
    SHADOW = "shadow"
    ROUTING = "routing"
    SETTLE = "settle"
    REPORTING = "reporting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A stage with all it stands between. `beside` are further sources, with the lanes of `source`.

    `all_lanes`: one process reads every lane of them.
    """

    stage: Stage[Any]
    source: Topic
    outputs: tuple[Topic, ...]
    beside: tuple[Topic, ...] = ()
    all_lanes: bool = False
    references: tuple[ReferenceSource, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    problems: Callable[[], Sequence[str]] = tuple
    instead_of: StageName | None = None  # a stage whose consumer group this one takes over


def _intake(_: Settings, lane: Lane) -> Room:
    from streams.intake.asked_by_desk import DeskQuestions
    from streams.intake.closed import ClosedQuestions
    from streams.intake.policy import IntakePolicy
    from streams.intake.repeats import RecentRequests
    from streams.intake.stage import IntakeStage

    policy = IntakePolicy()
    recent = RecentRequests(clock=utc_now, keep=policy.remembered, lane=lane)
    closed = ClosedQuestions(clock=utc_now, keep=policy.closed_remembered)
    asked = DeskQuestions(clock=utc_now, keep=policy.asked_remembered)
    followed = (
        ReferenceSource(name="recent", view=recent, topics=(ACCEPTED,), since=utc_now() - policy.remembered),
        ReferenceSource(
            name="closed", view=closed, topics=(CLARIFICATIONS,), since=utc_now() - policy.closed_remembered
        ),
        ReferenceSource(name="asked", view=asked, topics=(DECISIONS,), since=utc_now() - policy.asked_remembered),
    )
    return Room(
        stage=IntakeStage(recent, closed, asked, policy=policy, lane=lane, clock=utc_now),
        source=REQUESTS,
        beside=(CLARIFICATIONS,),
        outputs=(ACCEPTED, RESULTS),
        references=followed,
    )


def _enrichment(settings: Settings, _: Lane) -> Room:
    from infra.storage.models import ModelStore
    from schemas.domain.divisions import divisions
    from streams.enrichment.reference import EnrichmentView
    from streams.enrichment.released import ReleasedTagger
    from streams.enrichment.stage import EnrichmentStage
    from streams.enrichment.tagging.tagger import AddressTagger

    view = EnrichmentView(divisions(), ReleasedTagger(ModelStore(settings.models_url), AddressTagger.of))
    topics = (COMMUNITIES, ALIASES, COVERAGE, PROPERTIES, MODELS_RELEASED, SOURCES, DELIVERIES)
    return Room(
        stage=EnrichmentStage(view, clock=utc_now),
        source=ACCEPTED,
        outputs=(ENRICHED, RESULTS, ALIASES),
        references=(ReferenceSource(name="places", view=view, topics=topics),),
        problems=lambda: view.problems,
    )


def _scoring(settings: Settings, _: Lane) -> Room:
    from infra.cli.scoring import scoring_view
    from streams.scoring.stage import ScoringStage

    view, followed = scoring_view(settings)
    return Room(
        stage=ScoringStage(view, clock=utc_now),
        source=ENRICHED,
        outputs=(SCORED,),
        references=(followed,),
        problems=lambda: view.problems,
    )


def _shadow(settings: Settings, _: Lane) -> Room:
    from infra.cli.scoring import scoring_view
    from streams.scoring.shadow import ShadowStage

    view, followed = scoring_view(settings)
    return Room(
        stage=ShadowStage(view, clock=utc_now),
        source=ENRICHED,
        all_lanes=True,
        outputs=(SHADOW,),
        references=(followed,),
        problems=lambda: view.problems,
    )


def _stand_in(_: Settings, __: Lane) -> Room:
    from streams.routing.stand_in import StandInStage

    return Room(stage=StandInStage(utc_now), source=ENRICHED, outputs=(SCORED,), instead_of=StageName.SCORING)


def _routing(settings: Settings, lane: Lane) -> Room:
    from streams.routing.degraded import DegradedDesk
    from streams.routing.policy import LONGEST_REUSE_DAYS
    from streams.routing.reuse import ReusableAnswers
    from streams.routing.stage import RoutingStage
    from streams.routing.standings import Standings
    from streams.runtime.withdrawals import Withdrawals

    policy, followed = _policy(settings)
    standings, desk, withdrawals = Standings(), DegradedDesk(), Withdrawals()
    answers = ReusableAnswers(codec(settings))
    reused = ReferenceSource(
        name="answers", view=answers, topics=(REUSABLE,), since=utc_now() - timedelta(days=LONGEST_REUSE_DAYS)
    )
    return Room(
        stage=RoutingStage(
            policy, utc_now, lane, standings=standings, desk=desk, withdrawals=withdrawals, answers=answers
        ),
        source=SCORED,
        outputs=(RESULTS, REVIEWS, DEGRADED),
        references=(
            followed,
            ReferenceSource(name="segments", view=standings, topics=(SEGMENTS,)),
            ReferenceSource(name="desk", view=desk, topics=(DEGRADED, DECISIONS)),
            ReferenceSource(name="withdrawals", view=withdrawals, topics=(WITHDRAWALS,)),
            *((reused,) if lane is Lane.ONLINE else ()),  # what comes by the batch is always valued anew
        ),
        problems=lambda: policy.problems,
    )


def _settle(settings: Settings, _: Lane) -> Room:
    from streams.routing.degraded import Outages
    from streams.routing.settle import SettleStage
    from streams.runtime.withdrawals import Withdrawals

    policy, followed = _policy(settings)
    outages, withdrawals = Outages(), Withdrawals()
    return Room(
        stage=SettleStage(policy, utc_now, outages, withdrawals),
        source=DECISIONS,
        beside=(REVIEW_PROGRESS, DISPUTES_OPENED, DEGRADED, MODELS_RELEASED),
        outputs=(RESULTS, REVIEWS, ACCEPTED, ALIASES, ENRICHED, DEGRADED),
        references=(
            followed,
            ReferenceSource(name="outages", view=outages, topics=(DEGRADED, MODELS_RELEASED)),
            ReferenceSource(name="withdrawals", view=withdrawals, topics=(WITHDRAWALS,)),
        ),
        problems=lambda: policy.problems,
    )


def _policy(settings: Settings) -> tuple["PolicyInForce", ReferenceSource]:
    """The policy in force, and what it follows."""
    from streams.routing.policy_file import DEFAULT_POLICY, PolicyFile
    from streams.routing.proposals import PolicyInForce, Proposals

    proposals = Proposals()
    path = settings.policy or DEFAULT_POLICY
    if settings.policy_approvals:
        file = PolicyFile(path, shanghai_today, accepts=lambda policy: proposals.is_approved(policy.sha256))
    else:
        file = PolicyFile(path, shanghai_today)
    followed = ReferenceSource(name="policy", view=proposals, topics=(PROPOSALS,))
    return PolicyInForce(file, proposals, shanghai_today), followed


def _reporting(settings: Settings, lane: Lane) -> Room:
    from infra.cli.report_template import package_in_force
    from infra.storage.reports import ReportStore
    from streams.reporting.content import SlipTerms
    from streams.reporting.stage import ReportingStage
    from streams.runtime.withdrawals import Withdrawals

    package, renderer = package_in_force(settings)
    terms = SlipTerms(
        contract_ref=settings.contract_ref,
        issuer=settings.issuer,
        verification_url=f"{settings.gateway.public_url}/verify" if settings.gateway.public_url else "",
        texts=package.texts,
    )
    withdrawals = Withdrawals()
    return Room(
        stage=ReportingStage(renderer, ReportStore(settings.reports_url), terms, lane, withdrawals=withdrawals),
        source=RESULTS,
        outputs=(REPORTS,),
        references=(ReferenceSource(name="withdrawals", view=withdrawals, topics=(WITHDRAWALS,)),),
        # a report takes tens of milliseconds, so a large batch would keep the first ones from the channel for seconds
        bounds=Bounds(batch_messages=8),
    )


ROOMS: dict[StageName, Callable[[Settings, Lane], Room]] = {
    StageName.INTAKE: _intake,
    StageName.ENRICHMENT: _enrichment,
    StageName.SCORING: _scoring,
    StageName.SHADOW: _shadow,
    StageName.STAND_IN: _stand_in,
    StageName.ROUTING: _routing,
    StageName.SETTLE: _settle,
    StageName.REPORTING: _reporting,
}


@app.command()
def worker(
    stage: Annotated[StageName, typer.Argument(help="The stage to run.")],
    lane: Annotated[Lane, typer.Option(help="Its lane; `settle` has none, `shadow` reads all.")] = Lane.ONLINE,
) -> None:
    """Run one stage until it is told to stop. Exit code 70 asks to be started again: nothing was committed."""
    settings = settings_in_force()
    if lane is Lane.BATCH:
        os.nice(_BATCH_YIELDS)
    if stage is StageName.SHADOW:
        os.nice(_SHADOW_YIELDS)
    room = ROOMS[stage](settings, lane)
    source_lane = lane if room.source.lanes and not room.all_lanes else None
    lanes = room.source.lanes if room.all_lanes else (source_lane,)
    config = WorkerConfig(
        connection=kafka_conf(settings),
        group=group_of(stage, room, source_lane),
        lane=source_lane or "",
        instance_id=settings.kafka.instance_id or None,
        release=importlib.metadata.version("house-valuation"),
        health_port=settings.health_port,
        otlp_endpoint=settings.telemetry.otlp_endpoint or None,
        max_partitions=settings.kafka.partitions,
        bounds=room.bounds,
        rest_s=_BATCH_RESTS_S if lane is Lane.BATCH else 0.0,
    )
    code = run_worker(
        room.stage,
        inputs=tuple(Input(topic=topic, lane=each) for topic in (room.source, *room.beside) for each in lanes),
        outputs=room.outputs,
        codec=codec(settings),
        config=config,
        clock=utc_now,
        references=room.references,
        problems=room.problems,
    )
    raise typer.Exit(code)


def group_of(stage: StageName, room: Room, lane: Lane | None) -> str:
    """The consumer group of a stage on a lane (`None`: on all): its own, or that of the stage it stands in for."""
    name = (room.instead_of or stage).value
    return f"valuation-{name}" if lane is None else f"valuation-{name}-{lane}"
