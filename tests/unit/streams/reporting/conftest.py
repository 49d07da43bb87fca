import pytest

from infra.storage.reports import ReportStore
from streams.reporting.content import SlipTerms
from streams.reporting.fonts import font_folder
from streams.reporting.package import SHIPPED, Package, read_package
from streams.reporting.render import TypstRenderer


@pytest.fixture
def store(tmp_path) -> ReportStore:
    return ReportStore(str(tmp_path))


@pytest.fixture(scope="session")
def package() -> Package:
    return read_package(SHIPPED)


@pytest.fixture(scope="session")
def renderer(package) -> TypstRenderer:
    return TypstRenderer(font_folder(), package)


@pytest.fixture(scope="session")
def terms(package) -> SlipTerms:
    return SlipTerms(
        contract_ref="CZBK20170118",
        issuer="房屋自动估值服务",
        verification_url="https://valuation.example/verify",
        texts=package.texts,
    )
