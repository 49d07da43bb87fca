"""How figures and instants are written on the desk's screens: Shanghai time, whole yuan, 万元 for totals."""

from datetime import datetime, timedelta

from schemas.domain.worktime import SHANGHAI

_WAN = 10_000
_HOUR = 60


def yuan(amount: int | None) -> str:
    """Whole yuan with thousands separators; a dash for none."""
    return "—" if amount is None else f"{amount:,}"


def wan(amount: int | None) -> str:
    """万元 with two places, for totals."""
    return "—" if amount is None else f"{amount / _WAN:,.2f} 万元"


def share(value: float, places: int = 1) -> str:
    """A signed percentage."""
    return f"{value * 100:+.{places}f}%"


def day_and_time(at: datetime) -> str:
    """Month, day and time in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")


def clock_time(at: datetime) -> str:
    """Hours, minutes and seconds in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%H:%M:%S")


def duration(span: timedelta) -> str:
    """A span in the two largest units; a minus before one that is over."""
    seconds = int(abs(span).total_seconds())
    sign = "-" if span < timedelta(0) else ""
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    if days:
        return f"{sign}{days}天{hours}小时"
    if hours:
        return f"{sign}{hours}小时{minutes}分"
    return f"{sign}{minutes}分{seconds % 60}秒" if minutes else f"{sign}{seconds}秒"


def or_dash(value: object, unit: str = "") -> str:
    """A value with its unit; a dash for none."""
    return "—" if value is None or value == "" else f"{value}{unit}"


def yes_or_no(value: bool | None) -> str:  # noqa: FBT001 - three states of one fact, not a switch
    """有 / 无 / dash."""
    return "—" if value is None else ("有" if value else "无")


def since(then: datetime, now: datetime) -> str:
    """How long ago, in whole minutes: `12分`, `1小时5分`; nothing under a minute."""
    minutes = max(0, int((now - then).total_seconds()) // 60)
    if not minutes:
        return ""
    return f"{minutes // 60}小时{minutes % 60}分" if minutes >= _HOUR else f"{minutes}分"


def left(until: datetime | None, now: datetime) -> str:
    """How long until an instant, with a word instead of a colour when it is over; a dash for none."""
    if until is None:
        return "—"
    return f"已超时 {duration(now - until)}" if until < now else duration(until - now)
