"""A channel that an operator adds with a file, and media that are none."""

from dataclasses import replace

import pytest

from producers.gateway.access.api_keys import ApiKey, ApiKeys
from producers.gateway.access.caller import hashed
from producers.gateway.app import build
from schemas.codes import Status
from schemas.domain.channels import UNSERVED_MEDIA, UnknownChannelCodeError, channel, enlisted, read_channels
from schemas.events import Requested
from tests.fakes.answers import CODEC, an_answer
from tests.fakes.gateway import a_house

GOOD = {"address": "杭州市西湖区文三路1号", "area_m2": "89.50", "client_request_id": "r-1", "subject_token": "c-1"}
PARTNER = """
[PARTNER]
name = "合作渠道"
profile = "CUSTOMER"
services = ["VALUATE"]
reply = "SYNCHRONOUS"
lanes = ["ONLINE"]
scopes = ["valuations:write", "valuations:read"]
quotas = [{ count = 2, per = "DAY", of = "TOKEN" }]
per_second = 10
burst = 20
"""


def answered(requested):
    return [an_answer(requested, Status.RECEIVED), an_answer(requested)]


def a_house_with_partner():
    house = a_house(pipeline=answered)
    keys = ApiKeys([ApiKey(digest=hashed("key-of-partner"), channel="PARTNER")])
    credentials = replace(house.access.credentials, keys=keys)
    house.app = build(replace(house.parts, access=replace(house.access, credentials=credentials)))
    return house


@pytest.mark.requirement("IN4")
async def test_a_channel_of_a_file_comes_in_sees_what_its_profile_sees_and_has_its_quota():
    house = a_house_with_partner()
    with enlisted(read_channels(PARTNER)):
        async with house.client(None) as client:
            client.headers["X-API-Key"] = "key-of-partner"
            first = await client.post("/v1/valuations", json=GOOD)
            timeline = await client.get(f"/v1/valuations/{first.headers['X-Valuation-Id']}/timeline")
            service = {**GOOD, "client_request_id": "r-2", "service_type": "VERIFY"}
            not_allowed = await client.post("/v1/valuations", json=service)
            more = [
                (await client.post("/v1/valuations", json={**GOOD, "client_request_id": f"r-{n}"})).status_code
                for n in (3, 4)
            ]
    assert (first.status_code, first.json()["value"]) == (200, 4_475_000)
    assert "comparables" not in first.json()
    assert CODEC.decode(house.publisher.sent[0].value, Requested).channel == "PARTNER"
    assert timeline.status_code == 403
    assert not_allowed.json()["problems"][0]["code"] == "SERVICE_NOT_ALLOWED"
    assert more == [200, 429]


@pytest.mark.requirement("IN4")
async def test_without_its_file_the_channel_is_unknown():
    async with a_house_with_partner().client(None) as client:
        response = await client.post("/v1/valuations", json=GOOD, headers={"X-API-Key": "key-of-partner"})
    assert (response.status_code, response.json()["problems"][0]["code"]) == (401, "UNKNOWN_CHANNEL")


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize("medium", sorted(UNSERVED_MEDIA))
def test_fax_multimedia_message_and_video_are_refused_with_a_word_on_what_to_use(medium):
    with pytest.raises(UnknownChannelCodeError, match=r"不受理传真、彩信、视频.*请改用授信管理系统"):
        channel(medium)


@pytest.mark.requirement("IN4")
@pytest.mark.parametrize("media_type", ["image/tiff", "video/mp4", "multipart/related"])
async def test_a_picture_or_a_film_instead_of_a_request_is_refused_with_the_same_word(media_type):
    async with a_house().client() as client:
        response = await client.post("/v1/valuations", content=b"II*\x00", headers={"Content-Type": media_type})
    assert (response.status_code, response.json()["problems"][0]["code"]) == (415, "MEDIUM_NOT_SERVED")
    assert "传真" in response.json()["problems"][0]["message"]
