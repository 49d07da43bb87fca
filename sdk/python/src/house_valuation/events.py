"""Reading a stream of server-sent events, line by line, without touching a connection."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: its name, its id, and its data read as JSON."""

    name: str
    data: Any
    event_id: str


@dataclass(slots=True)
class EventReader:
    """Puts lines together to events (WHATWG HTML, 9.2.6). `last_id` is what to resume after."""

    last_id: str = ""
    _name: str = field(default="message", init=False)
    _data: list[str] = field(default_factory=list, init=False)

    def feed(self, line: str) -> Event | None:
        """Take one line without its end; the event it completes, if it does."""
        if not line:
            return self._dispatched()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id":
            self.last_id = value
        return None

    def _dispatched(self) -> Event | None:
        data, name = self._data, self._name
        self._data, self._name = [], "message"
        if not data:
            return None
        return Event(name=name, data=json.loads("\n".join(data)), event_id=self.last_id)
