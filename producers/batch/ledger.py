"""Completing a job later: what the ledger knows of rows that had no final answer when the job ended."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus

import httpx

from producers.batch.job import Answer, answered
from schemas.codec import Codec
from schemas.events import Resulted


class LedgerError(Exception):
    """The ledger cannot be asked. The message says why and what to do."""


class HttpLedger:
    """Asks the ledger's HTTP interface. The client is the caller's, who closes it."""

    def __init__(self, client: httpx.Client, base_url: str, codec: Codec) -> None:
        self._client, self._base_url, self._codec = client, base_url.rstrip("/"), codec

    def completed(self, before: Answer) -> Answer:
        """The row's answer as it stands now; unchanged when the ledger knows nothing of it.

        Raises:
            LedgerError: It does not answer.
        """
        found = self._get(f"/valuations/{before.valuation_id}/result")
        if found is None:
            return before
        now = answered(before, self._codec.decode(found.content, Resulted))
        kept = self._get(f"/valuations/{before.valuation_id}")
        reports = kept.json().get("reports") if kept is not None else None
        return replace(now, report_no=reports[0]["report_no"]) if reports else now

    def _get(self, path: str) -> httpx.Response | None:
        try:
            response = self._client.get(self._base_url + path)
        except httpx.HTTPError as error:
            raise LedgerError(f"the ledger at {self._base_url} does not answer ({type(error).__name__})") from error
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code != HTTPStatus.OK:
            raise LedgerError(f"the ledger at {self._base_url} answers {response.status_code}; try again later")
        return response


def incomplete(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """The rows still worth asking for."""
    return tuple(answer for answer in answers if not answer.is_complete)
