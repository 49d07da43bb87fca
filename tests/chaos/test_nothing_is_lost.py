"""The proof: whatever is killed, every message ends exactly once as an output or as a dead letter with its reason.

And the two controls that make it a proof: stock Faust loops under the same checker do lose messages.
"""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.embedded.kafka import EmbeddedKafka
from tests.chaos.numbered_worker import Loop, Note, Setup
from tests.chaos.scene import (
    ENDS_A_WORKER,
    UNDECODABLE,
    Act,
    Driver,
    Mix,
    Operator,
    Workers,
    drained,
    examine,
    lag,
    schedule,
)

pytestmark = [pytest.mark.chaos, pytest.mark.kafka]

MESSAGES = int(os.environ.get("AVM_CHAOS_MESSAGES", "50000"))
SEED = int(os.environ.get("AVM_CHAOS_SEED", "20260115"))
SENDING_S = 95.0  # the faults below take about as long on two cores, so that all of them meet a full flow
MEAN_PAUSE_S = 4.0
CONTROL_MESSAGES = 3_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[EmbeddedKafka]:
    """A broker of this module alone: it is killed."""
    with EmbeddedKafka(tmp_path_factory.mktemp("chaos-kafka")) as broker:
        yield broker


@pytest.fixture
def workers(broker, tmp_path) -> Iterator[Workers]:
    """No worker yet; topics of this test alone; whatever still runs at the end is ended."""
    from confluent_kafka.admin import AdminClient, NewTopic

    name = f"chaos.{uuid.uuid4().hex[:8]}"
    setup = Setup(
        bootstrap=broker.bootstrap, source=f"{name}.in", sink=f"{name}.out", dead_letters=f"{name}.dead", group=name
    )
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    wanted = [NewTopic(topic, setup.partitions, 1) for topic in (setup.source, setup.sink, setup.dead_letters)]
    for created in admin.create_topics(wanted).values():
        created.result(30)
    workers = Workers(setup, tmp_path / "workers.log")
    yield workers
    workers.kill_all()


def test_no_message_is_lost_whatever_is_killed(broker, workers, capsys):
    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)  # noqa: T201 - the schedule of a run must be seen

    steps = schedule(SEED, mean_pause_s=MEAN_PAUSE_S)
    say(f"\nchaos: {MESSAGES} messages, seed {SEED}\n" + "\n".join(f"  {step}" for step in steps))
    kinds = Mix().kinds(MESSAGES, SEED)
    workers.start(0)
    driver = Driver(broker.bootstrap, workers.setup.source, kinds, SENDING_S)
    driver.start()
    operator = Operator(broker, workers, say=say)
    operator.play(steps)
    sent_under_faults = driver.sent
    driver.join(180)
    assert driver.error is None
    assert drained(broker.bootstrap, workers, within_s=120), f"{lag(broker.bootstrap, workers.setup)} not committed"
    last = workers.stop_all()
    verdict = examine(broker.bootstrap, workers.setup, kinds)
    say(f"{verdict}\n{sent_under_faults} sent before the last fault; exits {json.dumps(workers.exits)}")

    assert sum(operator.done[act] for act in ENDS_A_WORKER) >= 10
    assert operator.done[Act.BROKER_KILL]
    assert operator.done[Act.BROKER_TERM]
    assert verdict.replayed > 0, "no fault fell into an unfinished batch: this run proves nothing"
    assert verdict.lost == ()
    assert verdict.duplicated_in_ledger == ()
    assert verdict.wrongly_dead == ()
    assert last == [0] * len(last)
    assert not workers.exits["did not stop"]


@pytest.mark.parametrize("loop", [Loop.NAIVE_FOR, Loop.NAIVE_TAKE])
def test_a_naive_loop_does_lose_messages(broker, workers, loop):
    """The same stage and messages under stock Faust, without any kill: a stage that raises is enough."""
    workers.setup = replace(workers.setup, loop=loop)
    kinds = [Note.FINE] * CONTROL_MESSAGES
    kinds[400], kinds[1_200] = UNDECODABLE, Note.BUG
    driver = Driver(broker.bootstrap, workers.setup.source, kinds, 3.0)
    driver.start()
    workers.start(0)
    driver.join(60)
    assert driver.error is None
    everything_committed = drained(broker.bootstrap, workers, within_s=60)
    workers.kill_all()
    verdict = examine(broker.bootstrap, workers.setup, kinds)

    assert everything_committed, "a naive loop says that it is done"
    assert verdict.lost, "the control lost nothing, so the proof proves nothing"
