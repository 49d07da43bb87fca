"""The private listener, with an authority made for this test, on loopback."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from producers.gateway.access.tls import Tls, certificate_fingerprint, private_config
from producers.gateway.app import build
from schemas.codes import Status
from schemas.ids import valuation_id
from tests.fakes.answers import an_answer
from tests.fakes.gateway import a_house

GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "client_request_id": "r-1"}
_TODAY = datetime.now(UTC)


@dataclass
class Authority:
    """Signs certificates into a folder."""

    folder: Path
    name: str

    def __post_init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._sign(self.name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.pem = self._written("authority", self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """The files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key.public_key(), x509.BasicConstraints(ca=False, path_length=None))
        plain = serialization.NoEncryption()
        return (
            self._written(name, certificate.public_bytes(serialization.Encoding.PEM)),
            self._written(
                f"{name}-key",
                key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
            ),
        )

    def _sign(self, name, public_key, constraints):
        def named(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self.name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_TODAY - timedelta(days=1))
            .not_valid_after(_TODAY + timedelta(days=1))
            .add_extension(constraints, critical=True)
            .add_extension(usages, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _written(self, name, content):
        path = self.folder / f"{self.name}-{name}.pem"
        path.write_bytes(content)
        return path


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("bank"), "bank")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


@asynccontextmanager
async def a_listener(bank, certificates):
    """A house behind a private listener; its address."""
    house = a_house(pipeline=answered)
    registered = {certificate_fingerprint(path.read_text()): code for path, code in certificates.items()}
    credentials = replace(house.access.credentials, certificates=registered)
    app = build(replace(house.parts, access=replace(house.access, credentials=credentials)))
    certificate, key = bank.issue("gateway")
    tls = Tls(certificate=certificate, key=key, client_authority=bank.pem)
    server = uvicorn.Server(private_config(app, tls, log_config=None, access_log=False))
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    yield house, f"https://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


def a_client(url, bank, files=None):
    context = ssl.create_default_context(cafile=bank.pem)
    if files is not None:
        context.load_cert_chain(*files)
    return httpx.AsyncClient(base_url=url, verify=context, trust_env=False, timeout=60)


async def told(house):
    while house.audit_is_busy():  # noqa: ASYNC110 - the tasks need turns of the loop, no more
        await asyncio.sleep(0)
    return [(one.actor, one.action, one.http_status, one.valuation_id) for one in house.audit.said]


@pytest.mark.requirement("IN7")
async def test_a_registered_certificate_is_enough_and_another_channels_valuation_is_out_of_its_reach(bank):
    credit, net_bank = bank.issue("credit"), bank.issue("net-bank")
    async with a_listener(bank, {credit[0]: "CREDIT_MGMT", net_bank[0]: "NET_BANK"}) as (house, url):
        async with a_client(url, bank, credit) as client:
            assert (await client.post("/v1/valuations", json=GOOD)).status_code == 200
        async with a_client(url, bank, net_bank) as client:
            foreign = await client.get(f"/v1/valuations/{valuation_id('CREDIT_MGMT', 'r-1')}")
        assert foreign.status_code == 404
        refused = f"NET_BANK/tls:{certificate_fingerprint(net_bank[0].read_text())[:12]}"
        assert (refused, "LOOK", 404, valuation_id("CREDIT_MGMT", "r-1")) in await told(house)


@pytest.mark.requirement("IN7")
async def test_without_a_certificate_of_the_banks_authority_nobody_gets_as_far_as_a_request(bank, stranger):
    async with a_listener(bank, {}) as (house, url):
        for files in (None, stranger.issue("somebody")):
            async with a_client(url, bank, files) as client:
                with pytest.raises(httpx.TransportError):
                    await client.get("/v1/valuations/1")
        assert await told(house) == []


@pytest.mark.requirement("IN7")
async def test_a_certificate_of_the_authority_that_is_registered_nowhere_is_told_so_and_audited(bank):
    async with a_listener(bank, {}) as (house, url):
        async with a_client(url, bank, bank.issue("new")) as client:
            response = await client.get("/v1/valuations/1")
        assert (response.status_code, response.json()["problems"][0]["code"]) == (401, "NOT_REGISTERED")
        assert [line[:3] for line in await told(house)] == [("-", "LOOK", 401)]
