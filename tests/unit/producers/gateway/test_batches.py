import asyncio
from dataclasses import dataclass, field
from hashlib import sha256

import httpx
import pytest

from producers.gateway.batches import MOST_TRANSFERS
from tests.fakes.batch_jobs import job_json, manifest_json
from tests.fakes.gateway import KEYS, a_house
from tests.unit.producers.gateway.asking import get, post, refusal

JOB = job_json()
FILE = "地址,建筑面积\n杭州市西湖区文三路1号,89.50\n".encode()


@dataclass
class Service:
    """Plays the batch service.

    `seen`: method, path, query and digest of the body of each call; `patience_s`: how long its caller would wait.
    """

    answer: httpx.Response | Exception = field(default_factory=lambda: httpx.Response(201, json=JOB))
    seen: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    patience_s: list[float] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        digest, query = sha256(), dict(request.url.params.multi_items())
        async for piece in request.stream:
            digest.update(piece)
        self.patience_s.append(request.extensions["timeout"]["read"])
        self.seen.append((request.method, request.url.path, query, digest.hexdigest()))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        pass


def a_house_with(service, **options):
    class Transport(httpx.AsyncBaseTransport):
        handle_async_request = service.handle_async_request

    transport = Transport()
    return a_house(batches=transport, **options)


async def upload(house, content=FILE, *, query="name=%E6%8A%BC%E5%93%81.csv", channel="CREDIT_MGMT"):
    async with house.client(channel) as client:
        return await client.post(f"/v1/batches?{query}", content=content)


@pytest.mark.requirement("BA1")
async def test_a_file_streams_through_as_it_is_with_the_channel_that_sent_it():
    async def pieces():
        for start in range(0, len(FILE), 7):
            yield FILE[start : start + 7]

    service = Service()
    house = a_house_with(service)
    response = await upload(
        house, pieces(), query="name=a.csv&count=1&alert_change=0.1&channel=NET_BANK&column=area_m2:M"
    )
    assert (response.status_code, response.json()) == (201, JOB)
    assert response.headers["Location"] == "/v1/batches/j-1"
    query = {"channel": "CREDIT_MGMT", "name": "a.csv", "count": "1", "alert_change": "0.1", "column": "area_m2:M"}
    assert service.seen == [("POST", "/jobs", query, sha256(FILE).hexdigest())]


async def test_whoever_works_through_a_whole_file_is_given_time_for_millions_of_rows():
    service = Service()
    house = a_house_with(service)
    await upload(house)
    for path in ("/j-1/manifest", "/j-1/result", "/j-1"):
        await get(house, f"/v1/batches{path}", channel="CREDIT_MGMT")
    *whole_files, look = service.patience_s
    assert all(patience >= 3_600 for patience in whole_files)
    assert look <= 60


@pytest.mark.requirement("BA1")
async def test_the_same_file_again_is_the_same_job():
    house = a_house_with(Service(httpx.Response(200, json=JOB)))
    assert (await upload(house)).status_code == 200


@pytest.mark.requirement("BA1")
async def test_a_file_that_is_too_large_is_refused_whether_or_not_it_says_so():
    async def pieces():
        for _ in range(100):
            yield b"x" * 1024

    service = Service()
    house = a_house_with(service, max_file_bytes=10_000)
    assert refusal(await upload(house, b"x" * 10_001)) == (413, "file-too-large", {})
    assert service.seen == []
    assert refusal(await upload(house, pieces())) == (413, "file-too-large", {})
    assert service.seen == []  # it was cut off before the service had read it to its end


@pytest.mark.requirement("IN2", "BA1")
async def test_a_file_without_anything_in_it_is_refused():
    async def nothing():
        yield b""

    service = Service()
    house = a_house_with(service)
    for content in (b"", nothing()):
        assert refusal(await upload(house, content)) == (422, "invalid-request", {"body": "MISSING"})
    assert service.seen == []


@pytest.mark.requirement("BA1")
async def test_what_the_service_refuses_is_told_in_its_words():
    document = {
        "type": "urn:house-valuation:problem:invalid-file", "title": "Unprocessable", "status": 422,
        "code": "invalid-file", "detail": "row 1 has no header", "detail_zh": "第1行缺少表头",
        "problems": [{"field": "header", "code": "MISSING", "message": "请补充表头"}], "trace": "inner",
    }  # fmt: skip
    house = a_house_with(Service(httpx.Response(422, json=document)))
    response = await upload(house)
    assert refusal(response) == (422, "invalid-file", {"header": "MISSING"})
    assert response.json()["detail_zh"] == "第1行缺少表头"
    assert "trace" not in response.json()


async def test_a_service_that_is_busy_says_when_to_come_again():
    document = {"code": "too-many-uploads", "detail": "busy", "detail_zh": "正在受理其他文件，请稍后重新上传。"}
    headers = {"Retry-After": "30", "Server": "inner"}
    response = await upload(a_house_with(Service(httpx.Response(429, json=document, headers=headers))))
    assert refusal(response) == (429, "too-many-uploads", {})
    assert response.headers["Retry-After"] == "30"
    assert "server" not in response.headers


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("nobody there"),
        httpx.Response(500, text="Traceback: secret"),
        httpx.Response(404, text="an address that is not the service"),
        httpx.Response(200, text="no JSON"),
    ],
    ids=["away", "broken", "another", "garbled"],
)
async def test_a_service_that_cannot_be_asked_is_503_and_nothing_of_it_is_shown(answer):
    house = a_house_with(Service(answer))
    response = await get(house, "/v1/batches/j-1")
    assert refusal(response) == (503, "batch-unavailable", {})
    assert int(response.headers["Retry-After"]) > 0
    assert "secret" not in response.text


async def test_without_a_service_there_are_no_jobs():
    assert refusal(await get(a_house(), "/v1/batches")) == (503, "batch-unavailable", {})


@pytest.mark.requirement("IN4", "BA1")
@pytest.mark.parametrize("channel", ["NET_BANK", "WEBSITE"])
async def test_channels_without_batches_are_refused(channel):
    service = Service()
    assert (await upload(a_house_with(service), channel=channel)).status_code == 403
    assert service.seen == []


@pytest.mark.requirement("BA1", "BA2")
async def test_jobs_are_looked_at_paused_resumed_and_cancelled_for_their_channel_alone():
    service = Service(httpx.Response(200, json=JOB))
    house = a_house_with(service)
    for step in ("pause", "resume", "cancel"):
        assert (await post(house, f"/v1/batches/j-1/{step}", None)).json() == JOB
    await get(house, "/v1/batches/j%2F..%2F1")
    of_channel = {"channel": "CREDIT_MGMT"}
    assert [call[:3] for call in service.seen] == [
        ("POST", "/jobs/j-1/pause", of_channel),
        ("POST", "/jobs/j-1/resume", of_channel),
        ("POST", "/jobs/j-1/cancel", of_channel),
    ]  # the number with a slash is no path of ours at all
    await post(house, "/v1/batches/j-1/cancel?reason=%E8%AF%AF%E4%BC%A0", None)
    assert service.seen[-1][2] == {**of_channel, "reason": "误传"}
    service.answer = httpx.Response(200, json={"refused": []})
    assert (await get(house, "/v1/batches/j-1/lines")).json() == {"refused": []}
    service.answer = httpx.Response(200, json={"jobs": [JOB]})
    assert (await get(house, "/v1/batches")).json() == {"jobs": [JOB]}
    service.answer = httpx.Response(200, json=manifest_json())
    assert (await get(house, "/v1/batches/j-1/manifest")).json() == manifest_json()
    await get(house, "/v1/batches/j-1/manifest?number=2")
    await get(house, "/v1/batches/j-1/result?number=2")
    assert [call[1:3] for call in service.seen[-2:]] == [
        ("/jobs/j-1/manifest", {**of_channel, "number": "2"}),
        ("/jobs/j-1/result", {**of_channel, "number": "2"}),
    ]


@pytest.mark.requirement("BA1")
async def test_the_result_file_streams_back_with_its_name_and_type():
    async def pieces():
        for start in range(0, len(FILE), 5):
            yield FILE[start : start + 5]

    headers = {"Content-Type": "text/csv", "Content-Disposition": 'attachment; filename="r.csv"', "Server": "inner"}
    house = a_house_with(Service(httpx.Response(200, content=pieces(), headers=headers)))
    response = await get(house, "/v1/batches/j-1/result")
    assert (response.status_code, response.content) == (200, FILE)
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"] == 'attachment; filename="r.csv"'
    assert "server" not in response.headers


@pytest.mark.requirement("IN2", "BA1")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "name"),
        ("name=", "name"),
        ("name=a.csv&count=0", "count"),
        ("name=a.csv&count=many", "count"),
        ("name=a.csv&sha256=abc", "sha256"),
        ("name=a.csv&deadline_at=tomorrow", "deadline_at"),
        ("name=a.csv&deadline_at=2026-03-02T12:00:00", "deadline_at"),
        ("name=a.csv&alert_change=0", "alert_change"),
        ("name=a.csv&alert_change=12", "alert_change"),
        (f"name=a.csv&job_id={'j' * 41}", "job_id"),
        ("name=a.csv&job_id=march%2F1", "job_id"),
        ("name=a.csv&revaluation_of=march%201", "revaluation_of"),
        ("name=a.csv&column=address:%E5%9D%90%E8%90%BD&column=area", "column.1"),
    ],
)
async def test_a_wrong_job_header_is_refused_with_its_field_before_the_file_is_read(query, field):
    service = Service()
    status, code, fields = refusal(await upload(a_house_with(service), query=query))
    assert (status, code, set(fields)) == (422, "invalid-request", {field})
    assert service.seen == []


async def test_the_channel_of_files_may_send_them():
    assert (await upload(a_house_with(Service()), channel="BATCH_FILE")).status_code == 201


class SlowFile(httpx.AsyncByteStream):
    """A first piece, and the second when it is `released`."""

    def __init__(self):
        self.is_read, self.released, self.is_closed = asyncio.Event(), asyncio.Event(), False

    async def __aiter__(self):
        yield FILE[:5]
        self.is_read.set()
        await self.released.wait()
        yield FILE[5:]

    async def aclose(self):
        self.is_closed = True


@dataclass
class Files:
    """Plays the batch service where it has files: `given` so far. `is_ready`: they need not be written first."""

    given: list[SlowFile] = field(default_factory=list)
    is_ready: bool = True
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    is_left: bool = False

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        self.is_asked.set()
        if not self.is_ready:
            try:
                await asyncio.Event().wait()
            finally:
                self.is_left = True
        self.given.append(SlowFile())
        return httpx.Response(200, stream=self.given[-1], headers={"Content-Type": "text/csv"})


def fetching(house):
    return asyncio.create_task(get(house, "/v1/batches/j-1/result"))


async def fetched_until(house, gone, *, send=None):
    """What a caller was sent who asks for a file and goes away once the event `gone` is set."""
    sent, asked = [], [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if asked:
            return asked.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def kept(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/v1/batches/j-1/result", "raw_path": b"/v1/batches/j-1/result",
        "query_string": b"", "headers": [(b"x-api-key", KEYS["CREDIT_MGMT"].encode())], "http_version": "1.1",
        "scheme": "http", "server": ("gateway", 80), "client": ("127.0.0.1", 1), "root_path": "", "state": {},
    }  # fmt: skip
    await asyncio.wait_for(house.app(scope, receive, send or kept), 30)
    return sent


async def test_a_channel_has_so_many_files_under_way_and_no_more_and_others_have_theirs():
    files = Files()
    house = a_house_with(files)
    under_way = [fetching(house) for _ in range(MOST_TRANSFERS)]
    async with asyncio.timeout(30):
        while len(files.given) < MOST_TRANSFERS:  # noqa: ASYNC110 - the tasks need turns of the loop
            await asyncio.sleep(0)
    for refused in (await get(house, "/v1/batches/j-1/result"), await upload(house)):
        assert refusal(refused) == (429, "too-many-transfers", {})
        assert int(refused.headers["Retry-After"]) > 0
    other = asyncio.create_task(get(house, "/v1/batches/j-1/result", channel="BATCH_FILE"))
    async with asyncio.timeout(30):
        while len(files.given) == MOST_TRANSFERS:  # noqa: ASYNC110 - the task needs turns of the loop
            await asyncio.sleep(0)
    for file in files.given:
        file.released.set()
    for response in await asyncio.wait_for(asyncio.gather(other, *under_way), 30):
        assert (response.status_code, response.content) == (200, FILE)
    assert all(file.is_closed for file in files.given)
    assert house.parts.batches.transfers.open == 0


async def test_who_goes_away_while_the_file_is_being_written_is_not_waited_for():
    files = Files(is_ready=False)
    house = a_house_with(files)
    assert await fetched_until(house, files.is_asked) == []
    assert files.is_left
    assert house.parts.batches.transfers.open == 0


async def test_who_goes_away_before_the_first_byte_leaves_nothing_open():
    async def send(_):
        raise OSError("the caller has gone")

    files = Files()
    house = a_house_with(files)
    with pytest.raises(OSError, match="has gone"):
        await fetched_until(house, asyncio.Event(), send=send)
    assert files.given[0].is_closed
    assert house.parts.batches.transfers.open == 0


async def test_who_goes_away_in_the_middle_leaves_nothing_open():
    files = Files()
    house, gone = a_house_with(files), asyncio.Event()
    reading = asyncio.create_task(fetched_until(house, gone))
    async with asyncio.timeout(30):
        while not (files.given and files.given[0].is_read.is_set()):  # noqa: ASYNC110 - the task needs turns
            await asyncio.sleep(0)
    gone.set()
    sent = await reading
    assert [message.get("body") for message in sent] == [None, FILE[:5]]
    assert files.given[0].is_closed
    assert house.parts.batches.transfers.open == 0
