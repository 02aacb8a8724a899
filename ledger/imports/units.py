"""The units that statements print, and what each is worth in whole smallest units.

One certificate stands for one MWh, so energy converts to certificates; money converts to fen, prices to
yuan for one certificate. Factors are exact fractions.
"""

import re
from math import gcd
from typing import Literal
from unicodedata import normalize

import msgspec

Measures = Literal["certificate", "energy", "money", "price", "scale", "ratio"]


class Unit(msgspec.Struct, frozen=True):
    """A unit worth numerator/denominator of the smallest unit of what it measures."""

    measures: Measures
    noun: str
    numerator: int
    denominator: int = 1


_SCALES = {"": 1, "十": 10, "百": 100, "千": 1_000, "万": 10_000, "十万": 10**5, "百万": 10**6, "千万": 10**7}
_SCALES |= {"亿": 10**8, "十亿": 10**9, "百亿": 10**10}
_CERTIFICATE_NOUNS = ("个", "张", "枚", "份", "个绿证", "张绿证")
_KWH_NOUNS = ("千瓦时", "度", "kwh")
_MWH_NOUNS = {"兆瓦时": 1, "mwh": 1, "吉瓦时": 1_000, "gwh": 1_000, "太瓦时": 10**6, "twh": 10**6}


def _table() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for scale, times in _SCALES.items():
        if scale:
            units[scale] = Unit("scale", "", times)
        for noun in _CERTIFICATE_NOUNS:
            units[scale + noun] = Unit("certificate", noun, times)
        for noun in _KWH_NOUNS:
            common = gcd(times, 1_000)
            units[scale + noun] = Unit("energy", noun, times // common, 1_000 // common)
        for noun, megawatt_hours in _MWH_NOUNS.items():
            units[scale + noun] = Unit("energy", noun, times * megawatt_hours)
        for noun in ("元", "元人民币"):
            units[scale + noun] = Unit("money", noun, times * 100)
    units |= {"分": Unit("money", "分", 1), "角": Unit("money", "角", 10)}
    units |= {
        "rmb": Unit("money", "元", 100),
        "cny": Unit("money", "元", 100),
        "人民币元": Unit("money", "元", 100),
    }
    units |= {"%": Unit("ratio", "%", 1, 100), "‰": Unit("ratio", "‰", 1, 1_000)}
    return units | _prices(units)


def _prices(units: dict[str, Unit]) -> dict[str, Unit]:
    """Combine money with what it buys: 元/张, 元/兆瓦时, 分/千瓦时."""
    prices: dict[str, Unit] = {}
    money = {name: unit for name, unit in units.items() if unit.measures == "money"}
    bought = {name: unit for name, unit in units.items() if unit.measures in ("certificate", "energy")}
    for paid, fen in money.items():
        for thing, worth in bought.items():
            prices[f"{paid}/{thing}"] = Unit("price", thing, fen.numerator * worth.denominator, 100 * worth.numerator)
    return prices


UNITS = _table()
_EITHER = re.compile("[/、或]")


def unit_of(text: str) -> Unit | None:
    """Find a unit by its printed name, whatever its width, case or blanks."""
    folded = "".join(normalize("NFKC", text).split()).lower().replace("每", "/").replace("·", "")
    return UNITS.get(folded) or _of_one_worth(folded)


def _of_one_worth(names: str) -> Unit | None:
    """The unit that has several names here, such as 个/张; names of different units are none."""
    units = [UNITS.get(name) for name in _EITHER.split(names)]
    worths = {unit and (unit.measures, unit.numerator, unit.denominator) for unit in units}
    return units[0] if len(worths) == 1 else None


def combine(own: Unit | None, column: Unit | None) -> Unit | None:
    """Join a cell's unit with its column's: a bare scale (万) scales the column's noun, never its scale."""
    if own is None or own.measures != "scale":
        return own or column
    if column is None:
        return None
    noun = UNITS.get(column.noun)
    if noun is None:
        return None
    return Unit(column.measures, column.noun, own.numerator * noun.numerator, noun.denominator)


_NOT_OF_A_COMPANY = "(?<![报制送能业电购售用管办承])单\\s*位"
_AFTER_COLON = re.compile(rf"{_NOT_OF_A_COMPANY}\s*:\s*([^。]*)")
_AFTER_VERB = re.compile(rf"{_NOT_OF_A_COMPANY}\s*(?:为|是)\s*([^。,、;\s]+)")
_IN_BRACKETS = re.compile(r"单\s*位\s*[(\[【]([^)\]】]*)[)\]】]")
_LABEL = re.compile(r"[^\s、,;/:]{1,8}\s*:")
_BRACKETED = re.compile(r"[(\[【]([^()\[\]【】]*)[)\]】]")
_OF_WHAT = re.compile(r"^(绿证|证书|数量|电量|金额|价格|单价|费用|认购|交易|成交)+(单位)?")


def declared_units(text: str) -> list[str]:
    """List the units that a title line declares: 单位：万张、元 -> ["万张", "元"]; what is no unit stays as it is."""
    folded = _IN_BRACKETS.sub(r"单位:\1 ", normalize("NFKC", text))
    names: list[str] = _AFTER_VERB.findall(folded)
    for found in _AFTER_COLON.findall(folded):
        label = _LABEL.search(found)  # another figure's label, such as 截至:
        said = _BRACKETED.sub(_unit_or_nothing, found[: label.start()] if label else found)
        words = re.split(r"[、,;\s和及与]+", re.split(r"[)\]】]", said)[0])
        for name in words:
            names += [name] if unit_of(_plain(name)) else name.split("/")
    return [_plain(name) for name in names if name]


def _unit_or_nothing(bracketed: re.Match[str]) -> str:
    """数量(万张) names its unit in brackets; what else stands in them is a remark."""
    return bracketed[1] if unit_of(bracketed[1]) else ""


def _plain(name: str) -> str:
    """金额万元 -> 万元: the unit without what it is of."""
    rest = _OF_WHAT.sub("", name)
    return rest if rest and unit_of(name) is None else name
