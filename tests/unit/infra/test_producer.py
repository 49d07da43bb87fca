import pytest

from infra.kafka.producer import Record, UnpublishableError, check


def record(**changes):
    return Record(**{"topic": "t", "key": b"k", "value": b"v", **changes})


def test_good_records_pass():
    check([record(), record(value=None), record(headers=[("ce_id", b"1")])])


@pytest.mark.parametrize("header", [["ce_id", b"1"], ("ce_id", "1"), ("ce_id", None), (b"ce_id", b"1"), ("ce_id",)])
def test_a_header_that_is_no_pair_of_text_and_bytes_is_named_by_its_record(header):
    with pytest.raises(UnpublishableError, match=r"record 1 .* header") as raised:
        check([record(), record(headers=[header])])
    assert raised.value.index == 1


def test_a_record_is_measured_with_key_and_headers():
    fits = record(value=b"x" * 700)
    check([fits], max_record_bytes=1000)
    for fat in (record(value=b"x" * 800), record(value=b"x" * 700, headers=[("n", b"y" * 100)])):
        with pytest.raises(UnpublishableError, match="the topic takes 1000"):
            check([fat], max_record_bytes=1000)
