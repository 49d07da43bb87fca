"""Ask the house-valuation service for values.

    from house_valuation import ApiKey, Client, ask

    with Client("https://valuation.bank.example", ApiKey(key)) as service:
        answer = service.send(ask("杭州市西湖区文三路1号3幢501室", "89.50", request_id="2026-000123"))
        if not answer.final:
            answer = service.wait_for(answer.valuation_id, timeout_s=60)

What can be asked are the functions of `house_valuation.calls`, each giving a `Call`; `Client.send` and
`await AsyncClient.send` carry it out. A call may be sent again after any doubt: request numbers make it the same one.
"""

from house_valuation.answers import Answer, Batch, Candidate, Prices, Problem, Report, WorkOrder
from house_valuation.calls import (
    acknowledge,
    ask,
    ask_people,
    batch,
    batch_manifest,
    batch_result,
    batches,
    cancel,
    cancel_batch,
    choose,
    dispute,
    find,
    look,
    page_token,
    pause_batch,
    prices,
    raise_work_order,
    report,
    report_by_number,
    resume_batch,
    submit_batch,
    work_order,
)
from house_valuation.client import AsyncClient, Client
from house_valuation.credentials import ApiKey, ClientCredentials, SignedKey
from house_valuation.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ServiceError,
    UnavailableError,
    WebhookError,
)
from house_valuation.retries import Retries
from house_valuation.webhooks import Delivery, verified

__all__ = [
    "Answer",
    "ApiKey",
    "AsyncClient",
    "Batch",
    "Candidate",
    "Client",
    "ClientCredentials",
    "ConflictError",
    "Delivery",
    "ForbiddenError",
    "NotFoundError",
    "Prices",
    "Problem",
    "RefusedError",
    "Report",
    "Retries",
    "ServiceError",
    "SignedKey",
    "UnavailableError",
    "WebhookError",
    "WorkOrder",
    "acknowledge",
    "ask",
    "ask_people",
    "batch",
    "batch_manifest",
    "batch_result",
    "batches",
    "cancel",
    "cancel_batch",
    "choose",
    "dispute",
    "find",
    "look",
    "page_token",
    "pause_batch",
    "prices",
    "raise_work_order",
    "report",
    "report_by_number",
    "resume_batch",
    "submit_batch",
    "verified",
    "work_order",
]
