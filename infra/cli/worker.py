"""`avm worker STAGE --lane LANE`: one process of one stage."""

import importlib.metadata
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    DEALS,
    DECISIONS,
    ENRICHED,
    MODELS_RELEASED,
    PROPERTIES,
    REPORTS,
    REQUESTS,
    RESULTS,
    REVIEWS,
    SCORED,
    Topic,
)
from schemas.codes import Lane
from streams.runtime.reference import ReferenceSource
from streams.runtime.stage import Stage
from streams.runtime.window import Bounds
from streams.runtime.worker import Input, WorkerConfig, run_worker

if TYPE_CHECKING:
    from streams.routing.policy_file import PolicyFile

app = typer.Typer(add_completion=False)
_BATCH_YIELDS = 5  # on one machine the batch lane's workers leave the processor to the online lane's


class StageName(StrEnum):
    """The stages there are."""

    INTAKE = "intake"
    ENRICHMENT = "enrichment"
    SCORING = "scoring"
    ROUTING = "routing"
    SETTLE = "settle"
    REPORTING = "reporting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A stage with all it stands between. `beside` are further sources, with the lanes of `source`."""

    stage: Stage[Any]
    source: Topic
    outputs: tuple[Topic, ...]
    beside: tuple[Topic, ...] = ()
    references: tuple[ReferenceSource, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    problems: Callable[[], Sequence[str]] = tuple


def _intake(_: Settings, lane: Lane) -> Room:
    from streams.intake.closed import ClosedQuestions
    from streams.intake.policy import IntakePolicy
    from streams.intake.repeats import RecentRequests
    from streams.intake.stage import IntakeStage

    policy = IntakePolicy()
    recent = RecentRequests(clock=utc_now, keep=policy.remembered, lane=lane)
    closed = ClosedQuestions(clock=utc_now, keep=policy.closed_remembered)
    followed = (
        ReferenceSource(name="recent", view=recent, topics=(ACCEPTED,), since=utc_now() - policy.remembered),
        ReferenceSource(
            name="closed", view=closed, topics=(CLARIFICATIONS,), since=utc_now() - policy.closed_remembered
        ),
    )
    return Room(
        stage=IntakeStage(recent, closed, policy=policy, lane=lane, clock=utc_now),
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
    topics = (COMMUNITIES, ALIASES, COVERAGE, PROPERTIES, MODELS_RELEASED)
    return Room(
        stage=EnrichmentStage(view, clock=utc_now),
        source=ACCEPTED,
        outputs=(ENRICHED, RESULTS, ALIASES),
        references=(ReferenceSource(name="places", view=view, topics=topics),),
        problems=lambda: view.problems,
    )


def _scoring(settings: Settings, _: Lane) -> Room:
    from infra.storage.models import ModelStore
    from streams.scoring.reference import ScoringView
    from streams.scoring.stage import ScoringStage

    view = ScoringView(ModelStore(settings.models_url))
    return Room(
        stage=ScoringStage(view, clock=utc_now),
        source=ENRICHED,
        outputs=(SCORED,),
        references=(ReferenceSource(name="market", view=view, topics=(COMMUNITIES, DEALS, MODELS_RELEASED)),),
        problems=lambda: view.problems,
    )


def _routing(settings: Settings, lane: Lane) -> Room:
    from streams.routing.policy_file import DEFAULT_POLICY, PolicyFile
    from streams.routing.stage import RoutingStage

    policy = PolicyFile(settings.policy or DEFAULT_POLICY, shanghai_today)
    stage = RoutingStage(policy, utc_now, lane)
    return Room(stage=stage, source=SCORED, outputs=(RESULTS, REVIEWS), problems=_of_policy(policy))


def _settle(settings: Settings, _: Lane) -> Room:
    from streams.routing.policy_file import DEFAULT_POLICY, PolicyFile
    from streams.routing.settle import SettleStage

    policy = PolicyFile(settings.policy or DEFAULT_POLICY, shanghai_today)
    stage = SettleStage(policy, utc_now)
    return Room(stage=stage, source=DECISIONS, outputs=(RESULTS, ALIASES), problems=_of_policy(policy))


def _of_policy(policy: "PolicyFile") -> Callable[[], Sequence[str]]:
    return lambda: () if policy.problem is None else (policy.problem,)


def _reporting(settings: Settings, lane: Lane) -> Room:
    from infra.storage.reports import ReportStore
    from streams.reporting.content import SlipTerms, slip
    from streams.reporting.fonts import font_folder
    from streams.reporting.render import TypstRenderer
    from streams.reporting.sample import automatic
    from streams.reporting.stage import ReportingStage

    terms = SlipTerms(
        contract_ref=settings.contract_ref,
        issuer=settings.issuer,
        verification_url=f"{settings.gateway.public_url}/verify" if settings.gateway.public_url else "",
    )
    renderer = TypstRenderer(font_folder())
    renderer.render(slip(automatic(), terms).content, issued_at_s=0)  # fonts load before the first customer waits
    stage = ReportingStage(renderer, ReportStore(settings.reports_url), terms, lane)
    # a report takes tens of milliseconds, so a large batch would keep the first ones from the channel for seconds
    return Room(stage=stage, source=RESULTS, outputs=(REPORTS,), bounds=Bounds(batch_messages=8))


_ROOMS: dict[StageName, Callable[[Settings, Lane], Room]] = {
    StageName.INTAKE: _intake,
    StageName.ENRICHMENT: _enrichment,
    StageName.SCORING: _scoring,
    StageName.ROUTING: _routing,
    StageName.SETTLE: _settle,
    StageName.REPORTING: _reporting,
}


@app.command()
def worker(
    stage: Annotated[StageName, typer.Argument(help="The stage to run.")],
    lane: Annotated[Lane, typer.Option(help="Its lane; `settle` has none.")] = Lane.ONLINE,
) -> None:
    """Run one stage until it is told to stop. Exit code 70 asks to be started again: nothing was committed."""
    settings = settings_in_force()
    if lane is Lane.BATCH:
        os.nice(_BATCH_YIELDS)
    room = _ROOMS[stage](settings, lane)
    source_lane = lane if room.source.lanes else None
    suffix = f"{stage}-{lane}" if source_lane else stage.value
    config = WorkerConfig(
        connection=kafka_conf(settings),
        group=f"valuation-{suffix}",
        lane=source_lane or "",
        instance_id=settings.kafka.instance_id or None,
        release=importlib.metadata.version("house-valuation"),
        health_port=settings.health_port,
        otlp_endpoint=settings.telemetry.otlp_endpoint or None,
        max_partitions=settings.kafka.partitions,
        bounds=room.bounds,
    )
    code = run_worker(
        room.stage,
        inputs=tuple(Input(topic=topic, lane=source_lane) for topic in (room.source, *room.beside)),
        outputs=room.outputs,
        codec=codec(settings),
        config=config,
        clock=utc_now,
        references=room.references,
        problems=room.problems,
    )
    raise typer.Exit(code)
