"""What people write around an address and what is none: persons, telephone numbers, postcodes, a second address.

Names of persons are dropped here, before anything is cut: they must not reach the parts of an address, its standard
spelling or a log. A person is told by what stands beside it (收件人, 先生, a telephone or room number), never by a
surname alone: 张家港 and 王府井 begin with surnames too.
"""

import re

from schemas.domain.divisions import Divisions
from streams.enrichment.places import begins_with_division

_HAN = "\u4e00-\u9fff"
# The hundred commonest surnames of the mainland cover nine people in ten; double ones after them.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付傅方白邹孟熊秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤俞倪施柳温祝章鲁樊康"
)
_SURNAME = rf"(?:欧阳|上官|司马|诸葛|皇甫|[{_SURNAMES}])"
_ROLE = (
    r"(?:收件人|收货人|联系人|业主|户主|产权人|权利人|房主|姓名|借款人|抵押人|购房人|买受人|申请人|共有人|委托人|承租人|客户)"
    r"(?:姓名|名称)?(?:是|为)?"
)
_TITLE = r"(?:先生|女士|小姐|太太)"
_UNIT_END = r"(?<=[0-9A-Z室号层幢元户楼座铺])"

_LEAD = re.compile(
    r"(?:(?:我的?|客户)?(?:房屋|房产|房子|抵押物|押品|物业)?(?:坐落(?:于|在|地址)?|座落(?:于|在)?|详细地址|所在地址|地址|位置)(?:是|为|在)?|位于|住址|(?:我)?家住|我家在|我住在?)-?"
)

_LONG_DIGITS = re.compile(r"[0-9]{6}")
_PHONE_WORD = r"(?:联系)?(?:电话|手机|座机)(?:号码|号)?(?:是|为)?"
_PHONE = re.compile(
    rf"-?(?:{_PHONE_WORD}[0-9-]{{6,20}}(?![0-9])|(?<![0-9])(?:86-?)?1[3-9][0-9](?:[0-9]{{8}}|-[0-9]{{4}}-[0-9]{{4}})(?![0-9])"
    rf"|(?<![0-9])[0-9]{{17}}[0-9X](?![0-9])|(?<![0-9-])0[1-9][0-9]{{1,2}}-?[0-9]{{7,8}}(?![0-9-]))-?"
)
_POSTCODE = re.compile(
    rf"(?:邮编|邮政编码)(?:是|为)?[0-9]{{6}}|^[0-9]{{6}}(?=[{_HAN}])|(?<=[室号层幢元户楼座铺])-?[0-9]{{6}}$|-[0-9]{{6}}$"
)

_ROLE_AT_START = re.compile(rf"{_ROLE}(?P<name>[{_HAN}]{{2,4}})")
_ROLE_BEHIND = re.compile(rf"-?{_ROLE}[{_HAN}]{{2,4}}$")
_ROLE_SIGNS = ("人", "主", "姓名", "客户")  # one of them is in every role: a look before the search
_TITLED = tuple(re.compile(rf"{_SURNAME}[{_HAN}]{{{given}}}{_TITLE}(?:收|启|亲启)?$") for given in range(3))
_ADDRESSEE = re.compile(rf"{_UNIT_END}{_SURNAME}[{_HAN}]{{1,2}}(?:收|启|亲启|转)$")
# Behind a flat or a building; not behind the number of a road: 文三路100号金都 is a house.
_FLAT_END = r"(?:(?<=[0-9A-Z][室户层幢楼])|(?<=单元)|(?<=号楼)|(?<=[0-9]{3}))"
_NAME_AT_END = re.compile(rf"{_FLAT_END}[-(]*{_SURNAME}[{_HAN}]{{1,2}}\)?$")
_NAME_BEHIND_DIVISION = re.compile(rf"(?<=[市区县旗]){_SURNAME}[{_HAN}]{{1,2}}$")  # and before a telephone number
_NAME_ALONE = re.compile(rf"{_SURNAME}[{_HAN}]{{1,2}}$")
_NAME_AT_START = re.compile(rf"{_SURNAME}[{_HAN}]{{1,3}}")
# 安置房, 车位, 毛坯, 高层: words behind a room that begin with a surname and are no names.
_NO_NAME = re.compile(r"[房铺位库层户卧室坯装区间向梯楼院宅墅口门边侧元证产厅卫期台店街路号旁面里村苑园]$")

_PROVINCE_OR_CITY = re.compile("[省市]")
_SHORTEST_ADDRESS = 8
_AND = re.compile(r"(?:-|以及|及|和|或者?|另有?|还有)+$")


def without_bystanders(text: str, divisions: Divisions) -> str:
    """The address alone: without lead-in words, persons, telephone and identity numbers and the postcode."""
    lead = _LEAD.match(text)
    if lead:
        text = text[lead.end() :]
    if _LONG_DIGITS.search(text):
        text = _without_numbers(text, divisions)
    if any(sign in text for sign in _ROLE_SIGNS):
        text = _without_role(text, divisions)
    return _without_name_at_end(_without_name(text))


def first_address(text: str, divisions: Divisions) -> tuple[str, str]:
    """The first of several addresses in one field, and the others: each begins with its province or city in full."""
    for sign in _PROVINCE_OR_CITY.finditer(text, _SHORTEST_ADDRESS, max(_SHORTEST_ADDRESS, len(text) - 4)):
        end = sign.start()
        if not _begins_anew(text, end, divisions):
            continue
        for length in (3, 4, 5):  # 北京市, 石家庄市, 呼和浩特市
            start = end + 1 - length
            name = text[start : end + 1]
            if (name in divisions.provinces or name in divisions.cities) and _may_end_at(text, start):
                return _AND.sub("", text[:start]), text[start:]
    return text, ""


def _begins_anew(text: str, end: int, divisions: Divisions) -> bool:
    """Whether divisions follow the province or city that ends at `end`."""
    return begins_with_division(text[end + 1 : end + 16], divisions)


def _may_end_at(text: str, start: int) -> bool:
    before = _AND.sub("", text[max(0, start - 8) : start])
    return before[-1:].isdigit() or before[-1:] in set("室号层幢元户楼座铺ABCDEFGH)")


def is_name(remark: str) -> bool:
    """Whether what stands behind a room is a person and not a remark: 501室张三, but 501室主卧."""
    return bool(_NAME_ALONE.fullmatch(remark)) and not _NO_NAME.search(remark)


def _without_numbers(text: str, divisions: Divisions) -> str:
    for _ in range(4):  # a mobile, a fixed line, an identity number
        phone = _PHONE.search(text)
        if phone is None:
            break
        before = _without_name_at_end(_without_name(_ROLE_BEHIND.sub("", text[: phone.start()])))
        before = _NAME_BEHIND_DIVISION.sub("", before)
        if len(before) <= 4 and _NAME_ALONE.fullmatch(before):  # noqa: PLR2004 - 张三13800138000北京市…: a name alone
            before = ""
        after = _without_name_in_front(text[phone.end() :], divisions)
        text = f"{before}-{after}".strip("-") if before[-1:].isdigit() and after[:1].isdigit() else before + after
    return _POSTCODE.sub("", text)


def _without_name_at_end(text: str) -> str:
    name = _NAME_AT_END.search(text, max(0, len(text) - 10))
    return text[: name.start()] if name and not _NO_NAME.search(text.rstrip(")")) else text


def _without_name_in_front(text: str, divisions: Divisions) -> str:
    name = _NAME_AT_START.match(text)
    for length in (2, 3, 4) if name else ():
        rest = text[length:]
        if not rest or begins_with_division(rest, divisions):
            return rest
    return text


def _without_role(text: str, divisions: Divisions) -> str:
    behind = _ROLE_BEHIND.search(text, max(0, len(text) - 24))
    if behind:
        return text[: behind.start()]
    front = _ROLE_AT_START.match(text)
    if front:
        for length in (2, 3, 4):
            rest = text[front.start("name") + length :]
            if begins_with_division(rest, divisions):
                return rest
    return text


def _without_name(text: str) -> str:
    if text[-1:] in "生士姐太收启转":
        for pattern in (*_TITLED, _ADDRESSEE):
            match = pattern.search(text, max(0, len(text) - 10))
            if match:
                return text[: match.start()].rstrip("-")
    return text
