"""What a line in a log says."""

import logging

from infra.cli.logs import WithFacts


def line(message, *arguments, **facts):
    record = logging.makeLogRecord({"name": "room", "levelname": "INFO", "msg": message, "args": arguments, **facts})
    return WithFacts("%(levelname)s %(name)s %(message)s").format(record)


def test_the_facts_of_an_event_stand_behind_its_message():
    assert line("model in charge", model="avm-apartment", version="1") == (
        "INFO room model in charge model=avm-apartment version=1"
    )


def test_an_event_without_facts_is_its_message_alone():
    assert line("health on port %d", 8080) == "INFO room health on port 8080"
