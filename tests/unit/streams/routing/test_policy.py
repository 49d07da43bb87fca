import hashlib
from datetime import date

import pytest

from schemas.codes import PropertyType, Reason
from schemas.domain.channels import Profile
from streams.routing.policy import PolicyError, PropertyClass, parse
from streams.routing.policy_file import DEFAULT_POLICY, PolicyFile

SHIPPED = DEFAULT_POLICY.read_bytes()
NOVEMBER = date(2026, 11, 25)


def changed(old: str, new: str, count: int = 1) -> bytes:
    text = SHIPPED.decode()
    assert old in text
    return text.replace(old, new, count).encode()


def faults(content: bytes) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        parse(content)
    return caught.value.faults


@pytest.mark.requirement("RT9")
def test_the_shipped_policy_is_valid_and_names_its_own_bytes():
    policy = parse(SHIPPED)
    assert policy.version == "2026-11"
    assert policy.sha256 == hashlib.sha256(SHIPPED).hexdigest()
    assert policy.classes[PropertyType.OFFICE] is PropertyClass.COMMERCIAL
    assert policy.limiting_factors["AREA_OUT_OF_RANGE"] is Reason.AREA_IMPLAUSIBLE
    reference = policy.reference("HIGH_VALUE")
    assert (reference.version, reference.sha256, reference.rule) == ("2026-11", policy.sha256, "HIGH_VALUE")


@pytest.mark.requirement("RT9")
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('version = "2026-11"', "", "version is missing"),
        ('version = "2026-11"', "version = 7", "version must be a text that is not empty, not 7"),
        ("validity_days = 90", "validity_days = 366", "validity_days must be a whole number from 1 to 365, not 366"),
        ("validity_days = 90", "validity_days = true", "validity_days must be a whole number from 1 to 365, not True"),
        ("audit_share = 0.02", "audit_share = 2", "audit_share must be a number from 0 to 1, not 2"),
        ("max_fallback_level = 5", "max_fallback_level = 6", "max_fallback_level must be a whole number from 0 to 5"),
        ("effective_from = 2026-11-01", "effective_from = 'soon'", "effective_from must be a date such as"),
        ("audit_share", "audit_shore", "audit_shore is not known"),
        ('SHOP = "COMMERCIAL"', 'SHOP = "RETAIL"', "classes.SHOP must be one of RESIDENTIAL, VILLA, COMMERCIAL"),
        ('SHOP = "COMMERCIAL"', 'CASTLE = "VILLA"', "classes.CASTLE is not known"),
        ("min_m2 = 20", "min_m2 = 500", "area.RESIDENTIAL.min_m2 must not exceed max_m2, 500 > 400"),
        ("[thresholds.VILLA.PUBLIC]", "[thresholds.VILLA.PRESS]", "thresholds.VILLA.PUBLIC is missing"),
        ("\nmin_p10 = 0.55", "\nmin_p10 = '0.55'", "thresholds.RESIDENTIAL.STAFF.min_p10 must be a number from 0 to 1"),
        ("[area.VILLA]", "[area.HUT]", "area.VILLA is missing"),
        ('version = "2026-11"', 'version = "2026-11"\nhold = 3', "hold[0] must be a table"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_the_path_of_its_key(old, new, fault):
    assert any(told.startswith(fault) for told in faults(changed(old, new)))


@pytest.mark.requirement("RT9")
def test_all_faults_are_told_at_once():
    content = changed("validity_days = 90", "validity_days = 0").replace(b"audit_share = 0.02", b"audit = 0.02")
    assert [told.split()[0] for told in faults(content)] == ["validity_days", "audit_share", "audit"]


@pytest.mark.parametrize("content", [b"version = ", b"\xff\xfe", b"[a]\n[a]"])
def test_what_is_no_toml_is_refused_as_a_policy(content):
    assert "not a TOML file in UTF-8" in faults(content)[0]


@pytest.mark.requirement("RT1")
def test_a_city_differs_only_where_it_says_so_and_later_entries_win():
    content = (
        SHIPPED
        + (
            '\n[[city]]\ncity = "兰州市"\nmin_p10 = 0.65\n'
            '[[city]]\ncity = "兰州市"\nproperty_class = "RESIDENTIAL"\nprofile = "STAFF"\nmax_fsd = 0.1\n'
        ).encode()
    )
    policy = parse(content)
    general = policy.thresholds_for("北京市", PropertyClass.RESIDENTIAL, Profile.STAFF)
    own = policy.thresholds_for("兰州市", PropertyClass.RESIDENTIAL, Profile.STAFF)
    assert (own.min_p10, own.max_fsd, own.high_value) == (0.65, 0.1, general.high_value)
    assert policy.thresholds_for("兰州市", PropertyClass.COMMERCIAL, Profile.PUBLIC).min_p10 == 0.65


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('[[city]]\ncity = "兰州市"', "city[0].city comes without a threshold"),
        ('[[city]]\ncity = "兰州市"\nmin_p11 = 0.5', "city[0].min_p11 is not known"),
        ("[[city]]\nmin_p10 = 0.5", "city[0].city is missing"),
        ('[[city]]\ncity = "兰州市"\nprofile = "INTERNAL"\nmin_p10 = 0.5', "city[0].profile must not be INTERNAL"),
        ('[[hold]]\nreason = "核查"', "hold[0].reason stands alone"),
        ('[[hold]]\ncity = "兰州市"', "hold[0].reason is missing"),
        ('[[hold]]\ncity = "兰州市"\nreason = "核查"\nuntil = 3', "hold[0].until is not known"),
    ],
)
def test_a_faulty_entry_is_told_once_with_its_place(entry, fault):
    told = faults(SHIPPED + f"\n{entry}\n".encode())
    assert len(told) == 1
    assert told[0].startswith(fault)


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_bytes(SHIPPED)
    return path


@pytest.mark.requirement("RT9")
def test_a_changed_file_is_taken_over_within_a_second(path, ticks):
    in_force = PolicyFile(path, lambda: NOVEMBER, ticks)
    path.write_bytes(changed('version = "2026-11"', 'version = "2026-12"'))
    ticks.now = 0.9
    assert in_force().version == "2026-11"
    ticks.now = 1.0
    assert in_force().version == "2026-12"
    assert in_force.problem is None


@pytest.mark.requirement("RT9")
def test_a_faulty_file_is_refused_and_the_old_version_stays_until_it_is_mended(path, ticks):
    in_force = PolicyFile(path, lambda: NOVEMBER, ticks)
    path.write_bytes(b"version = 7")
    ticks.now = 1.0
    assert in_force().version == "2026-11"
    assert "version must be a text" in in_force.problem
    path.write_bytes(changed('version = "2026-11"', 'version = "2026-12"'))
    ticks.now = 2.0
    assert in_force().version == "2026-12"
    assert in_force.problem is None


@pytest.mark.requirement("RT9")
def test_a_file_that_is_gone_or_put_back_leaves_the_old_version_in_force(path, ticks):
    in_force = PolicyFile(path, lambda: NOVEMBER, ticks)
    path.unlink()
    ticks.now = 1.0
    assert in_force().version == "2026-11"
    assert in_force.problem is not None
    path.write_bytes(SHIPPED)
    ticks.now = 2.0
    assert in_force().version == "2026-11"
    assert in_force.problem is None


@pytest.mark.requirement("RT9")
def test_a_version_of_a_later_day_waits_for_it(path, ticks):
    today = NOVEMBER
    in_force = PolicyFile(path, lambda: today, ticks)
    path.write_bytes(changed("2026-11-01", "2026-12-01").replace(b'version = "2026-11"', b'version = "2026-12"'))
    ticks.now = 1.0
    assert in_force().version == "2026-11"
    assert "takes effect on 2026-12-01" in in_force.problem
    today = date(2026, 12, 1)
    ticks.now = 2.0
    assert in_force().version == "2026-12"
    assert in_force.problem is None


def test_without_a_valid_file_there_is_no_start(path, ticks):
    path.write_bytes(b"version = 7")
    with pytest.raises(PolicyError):
        PolicyFile(path, lambda: NOVEMBER, ticks)
