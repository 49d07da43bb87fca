"""回执 over HTTP: a bank system that takes no part in Kafka says what it has."""

from datetime import datetime

from producers.gateway.bodies import ReceiptBody, wrong
from schemas.events import Receipted, Reported
from schemas.headers import fact_of
from schemas.ids import delivery_id, event_id


def receipt_of_delivery(body: ReceiptBody, number: str, *, channel: str, at: datetime) -> Receipted:
    """The receipt of a delivery, whose digest is compared where deliveries are kept."""
    return _receipt(body, number, channel, at)


def receipt_of_report(body: ReceiptBody, report: Reported, *, at: datetime) -> Receipted:
    """The receipt of a report that was fetched.

    Raises:
        ProblemError: INVALID_REQUEST when what arrived there is not what lies here.
    """
    if body.sha256 != report.sha256:
        raise wrong("sha256", "DIFFERS", "与报告文件的 sha256 不一致，请重新下载报告后再发送回执")
    fact = event_id(report.valuation_id, fact_of(report), report.revision)
    return _receipt(body, delivery_id(report.channel, fact), report.channel, at)


def _receipt(body: ReceiptBody, number: str, channel: str, at: datetime) -> Receipted:
    return Receipted(
        delivery_id=number,
        channel=channel,
        received_at=at,
        sha256=body.sha256,
        embedded_at_target=body.embedded_at,
    )
