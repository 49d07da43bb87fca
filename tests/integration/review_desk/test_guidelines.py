"""Guidelines, bulletins and the audit's trail on a real PostgreSQL."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from consumers.review_desk.knowledge.guideline_set import GuidelineDraft, GuidelineError
from consumers.review_desk.knowledge.guidelines import Guidelines
from consumers.review_desk.knowledge.trail import AuditTrail, Wanted
from consumers.review_desk.people.staff import Grade, Person, Role
from consumers.review_desk.regions import Region
from consumers.review_desk.task import NotAllowedError
from infra.postgres.audit import Act
from infra.postgres.migrate import migrate
from infra.postgres.pool import open_pool

pytestmark = pytest.mark.postgres

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def person(username, *roles, regions=frozenset(Region)):
    return Person(username=username, name=username, grade=Grade.G2, roles=frozenset(roles), regions=frozenset(regions))


LIN = person("lin", Role.REVIEWER, regions={Region.YANGTZE_DELTA})
BOSS = person("ban", Role.SUPERVISOR, regions={Region.YANGTZE_DELTA})
AUDITOR = person("shen", Role.AUDITOR)


@pytest.fixture
def now():
    return [NOON]


@pytest.fixture
def pool(postgres):
    migrate(postgres, room="review_desk")
    with open_pool(postgres, room="review_desk") as pool:
        yield pool


@pytest.fixture
def guidelines(pool, now):
    numbers = itertools.count(1)
    return Guidelines(pool, clock=lambda: now[0], new_id=lambda: UUID(int=next(numbers)))


@pytest.fixture
def trail(pool, now):
    return AuditTrail(pool, clock=lambda: now[0])


@pytest.mark.requirement("RD13", "RD8")
def test_a_change_is_a_new_version_of_the_set_and_the_old_one_stays(guidelines, now):
    assert guidelines.version_in_force() == "2026-01"
    draft = GuidelineDraft(guideline_id="thin-market", title="成交稀少", text="先问同事。", families=("THIN_MARKET",))
    later = NOON + timedelta(days=1)
    made = guidelines.publish(BOSS, draft, in_force_at=later)
    assert (made.version, guidelines.version_in_force()) == ("2026-02", "2026-01")
    now[0] = later
    assert guidelines.version_in_force() == "2026-02"
    assert {one.guideline_id: one.title for one in guidelines.in_force()}["thin-market"] == "成交稀少"
    assert {one.guideline_id: one.title for one in guidelines.as_of("2026-01")}["thin-market"] == "成交稀少时的处理"
    assert [one.version for one in guidelines.versions("thin-market")] == ["2026-02", "2026-01"]


@pytest.mark.requirement("RD13")
def test_a_version_cannot_begin_before_the_last_one(guidelines):
    draft = GuidelineDraft(guideline_id="new", title="新", text="新")
    guidelines.publish(BOSS, draft, in_force_at=NOON + timedelta(days=2))
    with pytest.raises(GuidelineError, match="in_force_at"):
        guidelines.publish(BOSS, draft, in_force_at=NOON + timedelta(days=1))


@pytest.mark.requirement("RD13")
def test_search_finds_chinese_in_what_is_in_force_titles_first(guidelines, now):
    assert [found.guideline.guideline_id for found in guidelines.search("收益法")] == ["commercial"]
    assert guidelines.search("可比实例")[0].guideline.guideline_id == "comparables"
    assert [found.guideline.guideline_id for found in guidelines.search("gb/t 50291 两年")] == ["comparables"]
    assert guidelines.search("不存在的词语") == guidelines.search("") == ()
    withdrawn = GuidelineDraft(guideline_id="commercial", title="停用", text="停用", withdrawn=True)
    guidelines.publish(BOSS, withdrawn)
    assert guidelines.search("收益法") == ()


@pytest.mark.requirement("RD13")
def test_a_mandatory_bulletin_has_to_be_read_before_work(guidelines):
    must = guidelines.publish_bulletin(BOSS, "停用旧指数", "自今日起停用旧指数。", mandatory=True)
    guidelines.publish_bulletin(BOSS, "食堂", "新菜单。", mandatory=False)
    guidelines.publish_bulletin(BOSS, "广州", "仅珠三角。", mandatory=True, regions=(Region.PEARL_DELTA,))
    assert [one.title for one in guidelines.unread_mandatory(LIN)] == ["停用旧指数"]
    assert guidelines.why_not_ready(LIN) == "请先在“指引与公告”阅读并确认必读公告：《停用旧指数》"
    guidelines.mark_read(must.bulletin_id, LIN)
    guidelines.mark_read(must.bulletin_id, LIN)
    guidelines.mark_read("no id", LIN)
    assert guidelines.why_not_ready(LIN) is None
    assert {one.title: one.read_at for one in guidelines.bulletins(LIN)} == {"停用旧指数": NOON, "食堂": None}
    assert [found.title for found in guidelines.search("旧指数", LIN)] == ["停用旧指数"]


def test_a_bulletin_that_is_taken_back_holds_nobody_up(guidelines):
    must = guidelines.publish_bulletin(BOSS, "误发", "误发。", mandatory=True)
    guidelines.withdraw_bulletin(must.bulletin_id, BOSS)
    assert guidelines.unread_mandatory(LIN) == ()


@pytest.mark.requirement("RD13", "SE3", "SE4")
def test_who_may_not_publish_is_refused_and_every_act_is_in_the_chain(guidelines, trail):
    with pytest.raises(NotAllowedError):
        guidelines.publish(LIN, GuidelineDraft(guideline_id="x1", title="x", text="x"))
    with pytest.raises(NotAllowedError):
        guidelines.publish_bulletin(LIN, "x", "x", mandatory=True)
    guidelines.publish(BOSS, GuidelineDraft(guideline_id="x1", title="x", text="x"))
    assert [line.action for line in trail.lines("guidelines", AUDITOR)] == ["PUBLISH_GUIDELINE"]
    refused = trail.search(Wanted(actor="lin", action="REFUSED"), AUDITOR)
    assert [line.subject for line in refused] == ["desk", "desk"]


@pytest.mark.requirement("SE4", "SE3")
def test_an_auditor_reads_everything_a_supervisor_the_own_regions_and_each_look_is_a_line(pool, trail):
    here, there = str(UUID(int=1)), str(UUID(int=2))
    with pool.connection() as connection:
        for subject, region in ((here, "YANGTZE_DELTA"), (there, "BOHAI_RIM")):
            connection.execute(
                "insert into task (task_id, valuation_id, revision, kind, region, city, property_type, skill, address,"
                " area_m2, reasons, priority, received_at, requested_at, due_at, blind, internal, state, queued_at,"
                " evidence) values (%s, %s, 1, 'VALUATION', %s, '', '', '', '', 90, '{}', 1, now(), now(), now(),"
                " false, false, 'QUEUED', now(), '')",
                [subject, subject, region],
            )
    for subject in (here, there, "staff"):
        trail.record(subject, Act(actor="lin", action="LOOK", at=NOON))
    assert {line.subject for line in trail.search(Wanted(action="LOOK", actor="lin"), AUDITOR)} == {
        here,
        there,
        "staff",
    }
    assert {line.subject for line in trail.search(Wanted(actor="lin"), BOSS)} == {here}
    assert len(trail.lines(here, BOSS)) == 1
    for subject in (there, "staff"):
        with pytest.raises(NotAllowedError):
            trail.lines(subject, BOSS)
    with pytest.raises(NotAllowedError):
        trail.verify(None, BOSS)
    with pytest.raises(NotAllowedError):
        trail.lines(here, LIN)
    assert trail.verify(None, AUDITOR).is_sound
    looks = trail.search(Wanted(subject="audit"), AUDITOR)
    assert {(line.actor, line.action) for line in looks} >= {("ban", "REFUSED"), ("shen", "VERIFY"), ("ban", "LOOK")}


@pytest.mark.requirement("SE4")
def test_the_desks_tick_seals_once_a_minute(trail):
    trail.record("staff", Act(actor="lin", action="LOGIN", at=NOON))
    assert trail.tick(NOON).heads == 1
    trail.record("staff", Act(actor="lin", action="LOGOUT", at=NOON))
    assert trail.tick(NOON + timedelta(seconds=59)) is None
    assert trail.tick(NOON + timedelta(seconds=60)).number == 2
