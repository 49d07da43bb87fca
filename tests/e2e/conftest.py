"""What every end-to-end test may ask for: a market that was generated and learned from through the command line."""

import pytest

from tests.e2e.small_market import SmallMarket
from tests.e2e.system import Avm


@pytest.fixture(scope="session")
def market(tmp_path_factory) -> SmallMarket:
    """The market of this run. Its commands need no broker, so they have a state folder where nothing runs."""
    folder = tmp_path_factory.mktemp("market")
    return SmallMarket.prepared(Avm(folder / "nothing-runs-here"), folder)
