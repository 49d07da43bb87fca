"""What a request must hold to, for every way in: gateway, batch files and the bank's own producers.

All violations are found at once, each with its field, a code and a Chinese sentence that says how to mend it. Nothing
here raises for anything that a channel can send, and no message repeats what was sent: it may be personal.
"""

import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.codes import Action, Lane, LoanStage, Product, PropertyType, Reason, ServiceType
from schemas.domain.channels import Channel, find
from schemas.domain.masking import is_identity_card_number, is_mobile_number
from schemas.domain.texts import PROPERTY_TYPE_TEXTS, SERVICE_TEXTS
from schemas.events import Problem, Requested
from schemas.ids import valuation_id

MAX_ADDRESS: Final = 200  # characters, trimmed, in NFKC
MAX_REQUEST_NUMBER: Final = 64
MAX_REFERENCE: Final = 128  # opaque references of the bank: numbers and positions of its own systems
MAX_NOTE: Final = 500
MAX_AREA_M2: Final = Decimal(100_000)
EARLIEST_VALUE_DATE: Final = date(2000, 1, 1)  # before the housing reform there was no market to speak of
EARLIEST_BUILT_YEAR: Final = 1850  # old garden houses of Shanghai and Tianjin are still traded
BUILT_AHEAD_YEARS: Final = 5  # new-build is sold years before completion
LOWEST_FLOOR: Final = -5
HIGHEST_FLOOR: Final = 150
MAX_ROOMS: Final = 30
_CENT: Final = Decimal("0.01")
_RAW_FACTOR: Final = 4  # NFKC may shorten a text; one this much too long is refused without being normalised

# NFKC turns ㎡ and m² into m2.
_SQUARE_METRES: Final = frozenset({"m2", "平方米", "平米"})
_CORPORATE: Final = ("CORPORATE", "COMPANY", "对公", "企业", "公司")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_TYPE_CODES: Final = {name: code for code in PropertyType for name in (code.value, PROPERTY_TYPE_TEXTS[code])}
MAX_STATED: Final = 128  # characters of a community, building or use that is stated to be verified
COMMANDS: Final = frozenset({Action.CANCEL, Action.FORCE_MANUAL, Action.STATUS_QUERY})
"""They speak of an earlier request under the same number, and say nothing of a house."""


def problems(requested: Requested, *, lane: Lane, today: date) -> tuple[Problem, ...]:
    """Everything that is wrong with a request; empty when it can be accepted. `today` is the day in Shanghai.

    A command is asked only what a command says: its address, area and other fields are not looked at.
    """
    return tuple(_found(requested, lane, today))


def cleaned_address(text: str) -> str:
    """The address as it is kept: NFKC, trimmed, runs of blanks as one blank."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def accepted_area(area: Decimal) -> Decimal:
    """The area in m² with exactly two places. Only for an area without problems."""
    return area.quantize(_CENT)


def property_type_code(text: str) -> PropertyType | None:
    """The type of house a channel means by its code or its Chinese name; `None` when it is neither."""
    return _TYPE_CODES.get(text)


def expected_valuation_id(requested: Requested) -> str:
    """The valuation id this request must carry. An alias of a channel counts as the channel.

    Raises `UnicodeEncodeError` for a number with half a surrogate pair, which no transport of ours lets through.
    """
    channel = find(requested.channel)
    return valuation_id(channel.code if channel else requested.channel, requested.client_request_id)


def _found(requested: Requested, lane: Lane, today: date) -> Iterator[Problem]:
    channel = find(requested.channel)
    if channel is None:
        yield _problem("channel", "渠道代码未登记，请使用已登记的渠道代码", Reason.UNKNOWN_CHANNEL)
    else:
        yield from _permissions(requested, channel, lane)
    yield from _identity(requested)
    yield from _note(requested)
    if requested.action in COMMANDS:
        return
    yield from _address(requested.address)
    yield from _area(requested.area, requested.area_unit)
    yield from _loan(requested, lane)
    yield from _house(requested, today)
    yield from _stated(requested)
    yield from _references(requested)


def _permissions(requested: Requested, channel: Channel, lane: Lane) -> Iterator[Problem]:
    if requested.service_type not in channel.services and requested.action not in COMMANDS:
        allowed = "、".join(SERVICE_TEXTS[service] for service in ServiceType if service in channel.services)
        yield _problem("service_type", f"{channel.name}仅提供：{allowed}", Reason.SERVICE_NOT_ALLOWED)
    if lane is Lane.BATCH and not channel.may_be_batch:
        yield _problem("channel", f"{channel.name}不能提交批量请求，请走联机通道", Reason.SERVICE_NOT_ALLOWED)
    if requested.force_manual and not channel.may_force_manual:
        yield _problem("force_manual", f"{channel.name}不能指定人工估值，请去掉该标志", Reason.ACTION_NOT_ALLOWED)
    if requested.action is Action.FORCE_MANUAL and not channel.may_force_manual:
        yield _problem("action", f"{channel.name}不能要求转人工估值", Reason.ACTION_NOT_ALLOWED)
    if requested.action is Action.CLARIFY and not requested.chosen_community_id:
        yield _problem("chosen_community_id", "确认地址时须填写所选小区的编号")
    if requested.action is not Action.CLARIFY and requested.chosen_community_id is not None:
        yield _problem("chosen_community_id", "仅在确认地址（CLARIFY）时填写所选小区的编号")


def _identity(requested: Requested) -> Iterator[Problem]:
    number = requested.client_request_id
    if not 1 <= len(number) <= MAX_REQUEST_NUMBER or not number.isprintable() or not number.strip():
        yield _problem("client_request_id", f"请求编号须为 1 至 {MAX_REQUEST_NUMBER} 个可见字符")
    elif _is_encodable(number + requested.channel) and requested.valuation_id != expected_valuation_id(requested):
        yield _problem(
            "valuation_id",
            "估值编号与渠道、请求编号不符：应为 UUIDv5（约定的命名空间，“渠道代码|请求编号”），渠道别名按正式代码计算",
        )


def _address(text: str) -> Iterator[Problem]:
    if len(text) > _RAW_FACTOR * MAX_ADDRESS:
        yield _problem("address", f"地址过长，请控制在 {MAX_ADDRESS} 个字符以内")
        return
    address = cleaned_address(text)
    if not address:
        yield _problem("address", "请填写房屋地址，例如：杭州市西湖区某某小区3幢2单元501室")
    elif len(address) > MAX_ADDRESS:
        yield _problem("address", f"地址过长，请控制在 {MAX_ADDRESS} 个字符以内")
    hidden = _first_invisible(text.strip())
    if hidden is not None:
        yield _problem("address", f"地址第 {hidden + 1} 个字符是不可见的控制字符，请删除后重新提交")


def _area(area: Decimal, unit: str) -> Iterator[Problem]:
    if not area.is_finite() or area <= 0:
        yield _problem("area", "建筑面积须大于 0，单位为平方米（㎡）")
    elif area > MAX_AREA_M2:
        yield _problem("area", f"建筑面积不能超过 {MAX_AREA_M2} ㎡，请核对单位和小数点")
    elif area != area.quantize(_CENT):
        yield _problem("area", "建筑面积最多保留两位小数")
    if len(unit) > MAX_REQUEST_NUMBER or unicodedata.normalize("NFKC", unit).strip().lower() not in _SQUARE_METRES:
        yield _problem("area_unit", "面积单位仅支持平方米（㎡），请将坪、亩、平方英尺等换算为平方米")


def _loan(requested: Requested, lane: Lane) -> Iterator[Problem]:
    product, stage = requested.product, requested.loan_stage
    if product is not None and product not in Product.__members__:
        if any(mark in product.upper() for mark in _CORPORATE):
            yield _problem("product", "本服务仅受理个人贷款，不受理对公贷款", Reason.CORPORATE_LOAN)
        else:
            yield _problem("product", f"贷款产品须为 {_listed(Product)} 之一，或不填")
    if stage is not None and stage not in LoanStage.__members__:
        yield _problem("loan_stage", f"贷款阶段须为 {_listed(LoanStage)} 之一，或不填")
    elif stage == LoanStage.OTHER and lane is not Lane.BATCH:
        yield _problem("loan_stage", "贷款阶段 OTHER 仅可用于批量请求")


def _house(requested: Requested, today: date) -> Iterator[Problem]:
    on = requested.value_date
    if on is not None and not EARLIEST_VALUE_DATE <= on <= today:
        yield _problem("value_date", f"价值时点须在 {EARLIEST_VALUE_DATE} 与受理当日之间，或不填")
    if requested.property_type is not None and property_type_code(requested.property_type) is None:
        yield _problem("property_type", f"物业类型须为 {_listed(PropertyType)} 之一，或不填")
    floor, total = requested.floor, requested.total_floors
    if floor is not None and (floor == 0 or not LOWEST_FLOOR <= floor <= HIGHEST_FLOOR):
        yield _problem("floor", f"所在楼层须在 {LOWEST_FLOOR} 与 {HIGHEST_FLOOR} 之间且不为 0，或不填")
    if total is not None and not 1 <= total <= HIGHEST_FLOOR:
        yield _problem("total_floors", f"总楼层须在 1 与 {HIGHEST_FLOOR} 之间，或不填")
    elif floor is not None and total is not None and floor > total:
        yield _problem("floor", "所在楼层不能高于总楼层")
    built = requested.built_year
    latest = today.year + BUILT_AHEAD_YEARS
    if built is not None and not EARLIEST_BUILT_YEAR <= built <= latest:
        yield _problem("built_year", f"建成年份须在 {EARLIEST_BUILT_YEAR} 与 {latest} 之间，或不填")
    if requested.rooms is not None and not 0 <= requested.rooms <= MAX_ROOMS:
        yield _problem("rooms", f"居室数须在 0 与 {MAX_ROOMS} 之间，或不填")


def _stated(requested: Requested) -> Iterator[Problem]:
    """What is stated to be verified: short, and readable on a page."""
    for name, what in (("community", "小区名称"), ("building", "楼栋"), ("usage", "规划用途")):
        text = getattr(requested, name)
        if text is not None and not (text.strip() and len(text) <= MAX_STATED and text.isprintable()):
            yield _problem(name, f"{what}须为 1 至 {MAX_STATED} 个可见字符，或不填")


def _note(requested: Requested) -> Iterator[Problem]:
    note = requested.note
    if note is not None and len(note) > MAX_NOTE:
        yield _problem("note", f"备注请控制在 {MAX_NOTE} 个字符以内")
    if requested.action is Action.FORCE_MANUAL and not (note or "").strip():
        yield _problem("note", "要求转人工估值时须在备注中写明理由")


def _references(requested: Requested) -> Iterator[Problem]:
    for name in ("business_ref", "branch_code", "subject_token", "embed_target", "chosen_community_id"):
        text = getattr(requested, name)
        if text is not None and not (1 <= len(text) <= MAX_REFERENCE and text.isprintable()):
            yield _problem(name, f"须为 1 至 {MAX_REFERENCE} 个可见字符，或不填")
    for name in ("client_request_id", "business_ref", "subject_token"):
        text = getattr(requested, name)
        if text is not None and is_identity_card_number(text):
            yield _problem(name, "不得使用身份证号码，请改用不含个人信息的编号")
    if requested.subject_token is not None and is_mobile_number(requested.subject_token):
        yield _problem("subject_token", "不得使用手机号码，请改用不含个人信息的客户标识")


def _problem(field: str, message: str, code: Reason = Reason.FIELD_INVALID) -> Problem:
    return Problem(field=field, code=code, message=message)


def _listed(codes: type[Product | LoanStage | PropertyType]) -> str:
    return "、".join(codes)


def _first_invisible(text: str) -> int | None:
    if text.isprintable():  # the usual case, in C
        return None
    return next((at for at, character in enumerate(text) if unicodedata.category(character) in _INVISIBLE), None)


def _is_encodable(text: str) -> bool:
    """Whether the text has a UTF-8 form: a lone surrogate has none, and an id cannot be derived from it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
