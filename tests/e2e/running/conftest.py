"""One system for all tests of this folder, started by `avm up` and filled through `avm`."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.system import Avm, Up, processes_of
from tests.e2e.users import Users


@pytest.fixture(scope="package")
def system(request, tmp_path_factory) -> Iterator[Users]:
    """A running system as its users see it, with the market loaded. At the end it must stop and leave no process."""
    state = tmp_path_factory.mktemp("state")
    avm = Avm(state)
    up = Up(avm, said=tmp_path_factory.mktemp("said") / "up.txt")
    up.start()
    try:
        market = request.getfixturevalue("market")  # learns while broker and database start
        up.wait_for_stack()
        loaded = market.load_into(avm)
        announced = up.ready()
        with Users(avm=avm, bootstrap=announced["bootstrap"], pages=announced["pages"], loaded=loaded) as users:
            yield users
        assert up.stop() == 0, up.said.read_text()
        assert processes_of(state) == [], "avm up left processes behind"
    finally:
        up.abandon()
    shutil.rmtree(state)
