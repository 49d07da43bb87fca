"""Names into addresses, for one channel: a name server that hangs holds up its own channel alone."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

_THREADS: Final = 2  # one may hang until the system gives up; another name of the channel still has its turn

Addresses = tuple[str, ...]


class Resolver:
    """Asks the system in threads of its own. Attempts that want the same name at once share one question."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._asked: dict[tuple[str, int], asyncio.Future[Addresses]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for nobody: a question that hangs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def addresses(self, host: str, port: int) -> Addresses:
        """The addresses of a host, in the system's order; raises `OSError` or `UnicodeError` where it has none.

        Who stops waiting does not take the answer from the others.
        """
        asked = self._asked.get((host, port))
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _looked_up, host, port)
            asked.add_done_callback(lambda done: self._forget((host, port), done))
            self._asked[host, port] = asked
        return await asyncio.shield(asked)

    def _forget(self, name: tuple[str, int], done: "asyncio.Future[Addresses]") -> None:
        del self._asked[name]
        if not done.cancelled():
            done.exception()  # taken, also where everybody had stopped waiting


def _looked_up(host: str, port: int) -> Addresses:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
