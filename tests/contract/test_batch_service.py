"""The gateway hands on what the batch service says: both sides mean the same by it."""

import re

import pytest

from producers.batch.job import is_job_id
from producers.batch.problems import Code
from producers.gateway.batches import JOB_ID
from producers.gateway.problems import OF_JOBS, SCHEMA
from tests.fakes.batch_jobs import job_json


def test_the_published_description_names_every_code_a_job_is_refused_with():
    assert {*OF_JOBS, Code.UNAVAILABLE} == set(Code)
    assert set(OF_JOBS) <= set(SCHEMA["properties"]["code"]["enum"])


@pytest.mark.parametrize("number", ["j", "j" * 40, "j" * 41, "2026-03.a_b", "march/1", "三月", "", "a b", "a\n"])
def test_both_take_the_same_numbers_for_jobs(number):
    assert bool(re.fullmatch(JOB_ID, number)) is is_job_id(number)


def test_a_job_is_called_what_the_gateway_and_its_clients_call_it():
    assert job_json("march")["job_id"] == "march"
