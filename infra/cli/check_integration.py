"""`avm check-integration`: does a bank system's connection work, from its credentials to its receipts?

It asks for one real valuation under a number of its own, and for the same once more, which gives the same.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Final

import httpx
import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from infra.cli import CommandError
from infra.cli.connections import codec as codec_of
from infra.cli.connections import kafka_conf, settings_in_force, utc_now
from infra.kafka.reader import Start, TopicReader
from infra.kafka.security import ClientConf
from schemas.catalogue import BANK_ANSWERS, RECEIPTS, REQUESTS
from schemas.codec import Codec
from schemas.domain import channels
from schemas.domain.channels import Channel, Profile
from schemas.domain.contract import ONLINE_ANSWER
from schemas.errors import PermanentError, TransientError
from schemas.events import Delivered, Receipted
from schemas.ids import valuation_id

app = typer.Typer(add_completion=False)

_MOST_SKEW: Final = timedelta(minutes=1)  # signatures are refused beyond five
_BROKER_S: Final = 10.0


class Verdict(StrEnum):
    """OK; FAILED: the integration does not work; SKIPPED: it needs what failed before, or was not asked for."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one thing. `mend` says what to do where it failed."""

    what: str
    verdict: Verdict
    found: str
    mend: str = ""


class CheckFailedError(Exception):
    """A check has found something wrong; `mend` is what to do."""

    def __init__(self, found: str, mend: str) -> None:
        self.found, self.mend = found, mend
        super().__init__(found)


@dataclass(slots=True, kw_only=True)
class Bank:
    """A bank system as it is connected, and what its checks have learned so far."""

    channel: Channel
    http: httpx.Client
    kafka: ClientConf | None
    codec: Codec
    body: Mapping[str, Any]
    answers: TopicReader | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One HTTP call. Raises `CheckFailedError` when the gateway cannot be reached."""
        try:
            return self.http.request(method, path, **given)
        except httpx.TransportError as error:
            mend = "check --gateway, the firewall, and that the certificate is one this machine trusts"
            raise CheckFailedError(f"{type(error).__name__} at {self.http.base_url}", mend) from None


def checks(bank: Bank) -> Iterator[Finding]:
    """Every check in its order. One that fails skips those that stand on it."""
    broken = False
    for what, check, needs in _CHECKS:
        if (broken and needs) or (what.startswith("Kafka") and bank.kafka is None):
            yield Finding(what=what, verdict=Verdict.SKIPPED, found="not reached" if bank.kafka else "no broker given")
            continue
        try:
            yield Finding(what=what, verdict=Verdict.OK, found=check(bank))
        except CheckFailedError as error:
            broken = broken or not what.startswith("Kafka")
            yield Finding(what=what, verdict=Verdict.FAILED, found=error.found, mend=error.mend)


def _health(bank: Bank) -> str:
    response = bank.call("GET", "/health")
    if response.status_code != httpx.codes.OK:
        raise CheckFailedError(f"not ready: {response.text[:200]}", "wait, or ask the operator")
    return f"{bank.http.base_url} is ready"


def _clock(bank: Bank) -> str:
    told = bank.call("GET", "/health").headers.get("Date")
    if told is None:
        return "the gateway tells no time"
    skew = abs(utc_now() - parsedate_to_datetime(told).astimezone(UTC))
    if skew > _MOST_SKEW:
        raise CheckFailedError(f"{skew.total_seconds():.0f} s apart", "set this machine's clock: signatures hang on it")
    return f"{skew.total_seconds():.0f} s apart"


def _credentials(bank: Bank) -> str:
    response = bank.call("GET", "/v1/valuations", params={"client_request_id": bank.body["client_request_id"]})
    if response.status_code in {401, 403}:
        raise CheckFailedError(_problem(response), "check the key, and that it is this channel's")
    return f"accepted as {bank.channel.code}"


def _ask(bank: Bank) -> str:
    began = time.monotonic()
    response = bank.call("POST", "/v1/valuations", json=bank.body)
    seconds = time.monotonic() - began
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise CheckFailedError(_problem(response), "mend what the problem names")
    bank.answer = response.json()
    if bank.answer["valuation_id"] != valuation_id(bank.channel.code, bank.body["client_request_id"]):
        raise CheckFailedError("asked as another channel", "check that --channel and --key belong together")
    most = ONLINE_ANSWER.value.total_seconds()
    if seconds > most:
        raise CheckFailedError(f"{seconds:.1f} s", f"an answer takes at most {most:g} s: ask the operator")
    return f"{bank.answer['status']} in {seconds * 1000:.0f} ms"


def _again(bank: Bank) -> str:
    response = bank.call("POST", "/v1/valuations", json=bank.body)
    if response.is_error or response.json()["valuation_id"] != bank.answer["valuation_id"]:
        raise CheckFailedError(_problem(response), "the same number must give the same valuation: tell the operator")
    return "the same number gave the same valuation"


def _refusal(bank: Bank) -> str:
    response = bank.call("POST", "/v1/valuations", json={**bank.body, "client_request_id": "x", "area_m2": "-1"})
    named = {problem["field"] for problem in response.json().get("problems", ())} if response.is_error else set()
    if named != {"area_m2"}:
        raise CheckFailedError(f"HTTP {response.status_code}", "a wrong area must be refused: tell the operator")
    return "a wrong area is refused, by name"


def _report(bank: Bank) -> str:
    if bank.answer.get("value") is None:
        return f"none: {bank.answer['status']}"
    path = f"/v1/valuations/{bank.answer['valuation_id']}/report"
    for _ in range(_TRIES):
        response = bank.call("GET", path)
        if response.status_code != httpx.codes.NOT_FOUND:
            break
        time.sleep(_AGAIN_S)
    if response.is_error:
        raise CheckFailedError(_problem(response), "reports follow within seconds: ask the operator")
    if response.headers["ETag"].strip('"') != sha256(response.content).hexdigest():
        raise CheckFailedError("its bytes are others than stated", "something on the way changes answers: a proxy?")
    return f"{len(response.content):,} bytes, as its sha256 states"


_TRIES, _AGAIN_S = 30, 1.0


def _topics(bank: Bank) -> str:
    own = BANK_ANSWERS[bank.channel.code].named()
    wanted = {own, RECEIPTS.named(), *REQUESTS.names}
    try:
        found = AdminClient(dict(bank.kafka or {})).list_topics(timeout=_BROKER_S).topics
    except KafkaException as error:
        mend = "check AVM_KAFKA__BOOTSTRAP, user, password and authority"
        raise CheckFailedError(error.args[0].str(), mend) from None
    missing = wanted - found.keys()
    if missing:
        raise CheckFailedError(f"not to be seen: {', '.join(sorted(missing))}", "let the operator grant this principal")
    return f"{len(wanted)} topics are to be seen"


def _registry(bank: Bank) -> str:
    sample = Receipted(delivery_id="check", channel=bank.channel.code, received_at=utc_now(), sha256="")
    try:
        message = bank.codec.encode(sample)
    except (PermanentError, TransientError) as error:
        raise CheckFailedError(str(error), "check AVM_REGISTRY__URL") from None
    return f"Receipted is schema {int.from_bytes(message[1:5])}"


def _delivery(bank: Bank) -> str:
    """The answer must have come by the channel's own topic too; it was read from since before the request."""
    if bank.answers is None:
        raise CheckFailedError("the topic could not be read", "let the operator grant this principal")
    until = time.monotonic() + _TRIES * _AGAIN_S
    while time.monotonic() < until:
        for message in bank.answers.poll(_AGAIN_S):
            delivered = bank.codec.decode(message.value() or b"", Delivered)
            if delivered.subject_id == bank.answer["valuation_id"]:
                return f"{delivered.kind} {delivered.delivery_id} came by {message.topic()}"
    raise CheckFailedError(f"nothing came in {_TRIES * _AGAIN_S:g} s", "is the consumer `callbacks` running?")


Check = Callable[[Bank], str]
# What is checked, how, and whether it stands on what was checked before.
_CHECKS: Final[tuple[tuple[str, Check, bool], ...]] = (
    ("gateway", _health, False),
    ("clock", _clock, True),
    ("credentials", _credentials, True),
    ("valuation", _ask, True),
    ("repeat", _again, True),
    ("bad input", _refusal, True),
    ("report", _report, True),
    ("Kafka: topics", _topics, False),
    ("Kafka: schemas", _registry, False),
    ("Kafka: delivery", _delivery, True),
)


def _problem(response: httpx.Response) -> str:
    try:
        body = response.json()
        fields = "".join(f"; {one['field']}: {one['message']}" for one in body.get("problems", ()))
        return f"HTTP {response.status_code} {body['code']}: {body['detail']}{fields}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"


@app.command()
def check_integration(  # noqa: PLR0917 - typer reads the options from the signature
    address: Annotated[str, typer.Argument(help="A house you know, as your customers write it.")],
    area: Annotated[str, typer.Argument(help="Its floor area in ㎡.")],
    channel: Annotated[str, typer.Option(help="The channel to check.")] = "CREDIT_MGMT",
    key: Annotated[str, typer.Option(envvar="AVM_API_KEY", help="Its API key.")] = "",
    gateway: Annotated[str, typer.Option(help="Base URL; default: that of the local stack.")] = "",
    http_only: Annotated[bool, typer.Option("--http-only", help="The channel does not use Kafka.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Check a bank system's integration end to end; exit code 1 when something does not work."""
    settings = settings_in_force()
    found = channels.find(channel)
    if found is None or found.profile is Profile.INTERNAL or (found.code not in BANK_ANSWERS and not http_only):
        raise CommandError(f"--channel {channel}: choose one of {', '.join(BANK_ANSWERS)}")
    now = utc_now()
    number = f"check-{sha256(f'{address}|{area}|{now:%Y%m%d%H%M%S}'.encode()).hexdigest()[:16]}"
    body = {"client_request_id": number, "address": address, "area_m2": area}
    with ExitStack() as stack:
        http = stack.enter_context(_client(gateway or settings.gateway.public_url, key))
        kafka = None if http_only else kafka_conf(settings)
        bank = Bank(channel=found, http=http, kafka=kafka, codec=codec_of(settings), body=body)
        if kafka is not None:
            bank.answers = _listening(stack, kafka, found.code)
        findings = list(checks(bank))
    _tell(findings, now, as_json=as_json)
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        raise typer.Exit(1)


def _client(gateway: str, key: str) -> httpx.Client:
    headers = {"X-API-Key": key} if key else {}
    timeout_s = ONLINE_ANSWER.value.total_seconds() * 2
    return httpx.Client(base_url=gateway, headers=headers, timeout=timeout_s, trust_env=False)


def _listening(stack: ExitStack, kafka: ClientConf, channel: str) -> TopicReader | None:
    """Read the channel's topic from now on; `None` where it cannot be read, which a check tells later."""
    try:
        return stack.enter_context(TopicReader(kafka, [BANK_ANSWERS[channel].named()], start=Start.END))
    except (KafkaException, LookupError):
        return None


def _tell(findings: list[Finding], at: datetime, *, as_json: bool) -> None:
    if as_json:
        shown = {"at": at.isoformat(), "checks": [asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
        return
    table = Table(title="Integration", title_justify="left")
    for name in ("check", "verdict", "found", "how to mend it"):
        table.add_column(name)
    for finding in findings:
        table.add_row(finding.what, finding.verdict, finding.found, finding.mend)
    Console().print(table)
