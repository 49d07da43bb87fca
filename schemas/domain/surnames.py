"""Surnames of the mainland: what a person's name begins with, and many a place's too (张家港, 王府井)."""

from typing import Final

HAN: Final = "\u4e00-\u9fff"

# The hundred commonest cover nine people in ten.
_COMMON: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付傅方白邹孟熊秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤俞倪施柳温祝章鲁樊康"
)
# Without those that begin words and names of an address (安, 车, 东, 房, 公, 门, 平, 阳, 景, 路).
_RARER: Final = (
    "阮娄牛葛耿文管齐尚乔欧易辛鲍冉殷骆焦代岳詹裴桂洪翁季卞舒涂喻包柯华蓝甘聂古芦盛符梅童凌霍靳窦芮褚宁柴霄蒲邢游艾关纪司麻屈项晏"
    "滕沙仇隋穆佘宗荆辜缪巫茅费佟栾桑庞初晋蔺苗谷迟鄂荀岑伍戚谈闵卓蒙卜邬仲苟占农柏瞿冼丛虞简惠席尤楚咸冷匡寇郎鞠匙么蓟尉敖党"
)
_DOUBLE: Final = "欧阳|上官|司马|诸葛|皇甫|司徒|端木|尉迟|夏侯|东方|公孙|令狐|慕容|轩辕|长孙|宇文"

COMMON_SURNAME: Final = rf"(?:{_DOUBLE}|[{_COMMON}])"
"""A regular expression: one of the commonest surnames, or a double one."""

SURNAME: Final = rf"(?:{_DOUBLE}|[{_COMMON}{_RARER}])"
"""A regular expression: any surname that is told from the beginning of a word."""
