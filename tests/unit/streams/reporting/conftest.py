import pytest

from infra.storage.reports import ReportStore
from streams.reporting.content import SlipTerms
from streams.reporting.fonts import font_folder
from streams.reporting.render import TypstRenderer


@pytest.fixture
def store(tmp_path) -> ReportStore:
    return ReportStore(str(tmp_path))


@pytest.fixture(scope="session")
def renderer() -> TypstRenderer:
    return TypstRenderer(font_folder())


@pytest.fixture(scope="session")
def terms() -> SlipTerms:
    return SlipTerms(
        contract_ref="CZBK20170118", issuer="房屋自动估值服务", verification_url="https://valuation.example/verify"
    )
