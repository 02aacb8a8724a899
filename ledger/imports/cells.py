"""The text of one cell -> a value, exactly or not at all.

Full-width forms are folded (NFKC), wrappers that spreadsheets add are taken off, and a null marker is
never a zero. Certificates are whole (1 certificate = 1 MWh), money is in fen, and a figure marked as
approximate is refused wherever it would be posted. A cell that cannot be read raises `CellError` with
a stable rule and what was expected; the caller knows where the cell stands.
"""

import datetime
import re
from decimal import Decimal
from typing import Literal
from unicodedata import normalize

import msgspec

from ledger.imports.sheets import IN_DOUBT, SERIAL_ZERO
from ledger.imports.units import Unit, combine, unit_of

DIGITS_MAX = 18
KWH_PER_MWH = 1_000
FIGURE_CHARACTERS_MAX = 64


class CellError(Exception):
    """A cell that has no exact value: `rule` is stable, `expected` says what would have been read."""

    def __init__(self, rule: str, expected: str) -> None:
        super().__init__(f"{rule}: expected {expected}")
        self.rule = rule
        self.expected = expected


class Number(msgspec.Struct, frozen=True):
    """A printed figure: its digits, the unit printed beside it, and whether it claims to be exact."""

    value: Decimal
    unit: str | None = None
    approximate: bool = False
    is_money: bool = False
    """Whether a sign of money stands before it."""


class Period(msgspec.Struct, frozen=True):
    """The days a statement covers, both included."""

    first: datetime.date
    last: datetime.date


class ReadDate(msgspec.Struct, frozen=True):
    """A date as printed; at month precision `day` is the first of the month."""

    day: datetime.date
    precision: Literal["day", "month"]

    @property
    def month(self) -> str:
        """The month as YYYY-MM."""
        return self.day.isoformat()[:7]

    @property
    def last_day(self) -> datetime.date:
        """The day itself, or the last of its month where only that is known."""
        return self.day if self.precision == "day" else month_end(self.day)


_NULLS = frozenset({"", "-", "--", "---", "—", "——", "–", "―", "/", "//", "\\", "无", "空", "n/a", "null", "none"})
_BROKEN_VALUES = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#FORMULA!", "####")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f"))
_SCIENTIFIC = re.compile(r"[+-]?(?:\d+(?:\.\d+)?[eE]\+\d+|\d{1,3}(?:\.\d+)?[eE]\d{1,3})")
"""As spreadsheets write it; a code may have an E among its digits, but not so near to its ends."""


def clean(text: str) -> str:
    """Fold full-width forms, take off blanks and the wrappers `'x` and `="x"`; refuse error values."""
    if not text.isascii():
        text = normalize("NFKC", text).translate(_INVISIBLE).replace("−", "-")
    text = text.strip()
    if text[:1] in ("'", "`", "="):
        text = text.lstrip("'`").strip()
        if text.startswith('="') and text.endswith('"'):
            text = text[2:-1].strip()
    elif text[:1] == "#" and text.startswith(_BROKEN_VALUES):
        rule = "formula_without_value" if text == "#FORMULA!" else "formula_error"
        raise CellError(rule, "a value that the spreadsheet has computed")
    return text


def squeeze(text: str) -> str:
    """Clean a text and drop all blanks inside it: the form in which names and labels are compared."""
    return "".join(clean(text).split())


def is_null(text: str) -> bool:
    """Tell whether a cell says "nothing here"; a nought is not nothing."""
    return clean(text).lower() in _NULLS


_DITTO = frozenset({"同上", "〃", "″", "々"})


def is_ditto(text: str) -> bool:
    """Whether a cell says: as above."""
    return not text.isascii() and "".join(text.split()) in _DITTO


def parse_text(text: str) -> str | None:
    """Give a cleaned text with single blanks, or None for a null marker."""
    text = clean(text)
    if text in _DITTO:
        raise CellError("value_missing", "a value; there is nothing above that this could repeat")
    return None if text.lower() in _NULLS else " ".join(text.split())


def required_text(text: str) -> str:
    """Give a cleaned text; refuse a null marker."""
    read = parse_text(text)
    if read is None:
        raise CellError("value_missing", "a value")
    return read


def parse_identifier(text: str) -> str | None:
    """Give an order number, USCI or code as text, or None; refuse what a spreadsheet has rounded."""
    read = parse_text(text)
    if read is not None and _SCIENTIFIC.fullmatch(read):
        raise CellError("identifier_damaged", "all its characters; a spreadsheet has rounded this one")
    return read


def parse_code(text: str, length: int, rule: str) -> str | None:
    """Give an ASCII alphanumeric code of exactly `length` characters, or None."""
    read = text if len(text) == length and text.isascii() and text.isalnum() else parse_identifier(text)
    if read is None:
        return None
    if len(read) != length or not (read.isascii() and read.isalnum()):
        raise CellError(rule, f"{length} letters and digits, not {len(read)} characters")
    return read


_NUMBER = re.compile(
    r"(?P<about>约为|大约|将近|超过|不足|约|近|逾|超|≈|~)?\s*(?P<yuan>¥)?\s*(?P<sign>[+-])?\s*"
    r"(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]+|(?=\.[0-9]))(?P<point>\.[0-9]+)?"
    r"\s*(?P<more>余|多)?\s*(?P<unit>[^0-9,.+()-]*?)\s*(?P<after>余|多|以上|左右|上下|以内|以下)?"
)


def parse_number(text: str) -> Number:
    """Read a figure with its sign, thousands, unit and 约/近/余/以上; refuse anything else."""
    read = clean(text)
    if read.lower() in _NULLS:
        raise CellError("value_missing", "a number")
    if _SCIENTIFIC.fullmatch(read):
        raise CellError("number_damaged", "plain digits; a spreadsheet has rounded this one")
    if len(read) > FIGURE_CHARACTERS_MAX:
        raise CellError("number_malformed", "a number such as 1,234 or 3.12万张")
    bracketed = re.fullmatch(r"\(([^()]*)\)([^()0-9]*)", read)
    match = _NUMBER.fullmatch(bracketed[1] + bracketed[2] if bracketed else read)
    if match is None or (bracketed and match["sign"]):
        raise CellError("number_malformed", "a number such as 1,234 or 3.12万张")
    digits = match["digits"].replace(",", "").replace(" ", "")
    if len(digits) > DIGITS_MAX or len(match["point"] or "") > DIGITS_MAX:
        raise CellError("number_too_large", f"at most {DIGITS_MAX} digits")
    value = Decimal(digits + (match["point"] or ""))
    unit = "".join(match["unit"].split()) or None
    if unit is not None and unit_of(unit) is None:
        raise CellError("unit_unknown", "a unit such as 个, 张, 万张, 兆瓦时 or 元")
    return Number(
        value=-value if bracketed or match["sign"] == "-" else value,
        unit=unit,
        approximate=any(match[mark] for mark in ("about", "more", "after")),
        is_money=match["yuan"] is not None,
    )


def parse_count(text: str, column_unit: str | None = None) -> int:
    """Read whole certificates; energy counts as 1 per MWh; refuse a fraction of a certificate.

    A unit in the cell outranks the column's; a bare scale in the cell (3.12万) counts the column's thing.
    """
    if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and column_unit in _SINGLE:
        return int(text)
    number = parse_number(text)
    unit = _unit(number, column_unit, "个")
    if unit.measures not in ("certificate", "energy") or number.is_money:
        raise CellError("unit_unexpected", "a unit of certificates or energy")
    return _whole(number, unit, "count_not_whole", "a whole number of certificates")


def parse_energy_kwh(text: str, column_unit: str | None) -> int | None:
    """Read an energy in whole kWh, or None; the unit stands in the cell or over its column, and is never guessed."""
    if is_null(text):
        return None
    number = parse_number(text)
    unit = _unit(number, column_unit, "兆瓦时")
    if unit.measures != "energy":
        raise CellError("unit_unexpected", "a unit of energy")
    in_kwh = Unit("energy", unit.noun, unit.numerator * KWH_PER_MWH, unit.denominator)
    return _whole(number, in_kwh, "energy_not_whole_kwh", "an energy of whole kWh")


_SINGLE = (None, "个", "张")
_YUAN = (None, "元")
_PLAIN_AMOUNT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15})\.[0-9]{2}")


def parse_amount_fen(text: str, column_unit: str | None = None) -> int:
    """Read an amount of money in whole fen; refuse parts of a fen."""
    if column_unit in _YUAN and _PLAIN_AMOUNT.fullmatch(text):
        return int(text.replace(",", "").replace(".", ""))
    number = parse_number(text)
    unit = _unit(number, column_unit, "元")
    if unit.measures != "money":
        raise CellError("unit_unexpected", "a unit of money")
    return _whole(number, unit, "amount_not_whole_fen", "an amount with at most two decimals")


def parse_price(text: str, column_unit: str | None = None) -> str | None:
    """Read a price as exact decimal text in yuan for one certificate (5.2 -> "5.20"), or None."""
    if is_null(text):
        return None
    number = parse_number(text)
    if number.approximate:
        raise CellError("number_approximate", "an exact price")
    unit = unit_of(number.unit or column_unit or "元")
    if unit is None or unit.measures not in ("money", "price"):
        raise CellError("unit_unexpected", "a unit such as 元/个")
    # A money unit alone (元) means "for one certificate", which is what a price column says anyway.
    scale = 100 if unit.measures == "money" else 1
    numerator, denominator = number.value.as_integer_ratio()
    price = Decimal(numerator * unit.numerator) / Decimal(denominator * unit.denominator * scale)
    if price.as_tuple().exponent == 0 or "." not in format(price, "f"):
        return format(price, "f") + ".00"
    whole, _, decimals = format(price.normalize(), "f").partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def half_unit(text: str, column_unit: str | None, *, decimals: int | None = None) -> int:
    """Give half of the last printed digit in certificates: 0.28 in a 万张 column -> 50."""
    number = parse_number(text)
    exponent = number.value.as_tuple().exponent
    places = decimals if decimals is not None else max(0, -int(exponent))
    unit = _unit(number, column_unit, "个")
    return unit.numerator // (unit.denominator * 2 * 10**places)


def decimal_places(text: str) -> int:
    """Count the decimals that a figure prints."""
    return max(0, -int(parse_number(text).value.as_tuple().exponent))


def _unit(number: Number, column_unit: str | None, default: str) -> Unit:
    if number.approximate:
        raise CellError("number_approximate", "an exact figure, without 约, 近, 余 or 以上")
    column = unit_of(column_unit) if column_unit else unit_of(default)
    own = unit_of(number.unit) if number.unit else None
    unit = combine(own, column or unit_of(default))
    if unit is None:
        raise CellError("unit_unknown", "a known unit")
    return unit


def _whole(number: Number, unit: Unit, rule: str, expected: str) -> int:
    numerator, denominator = number.value.as_integer_ratio()
    whole, rest = divmod(numerator * unit.numerator, denominator * unit.denominator)
    if rest:
        raise CellError(rule, expected)
    if abs(whole) >= 10**DIGITS_MAX:
        raise CellError("number_too_large", f"at most {DIGITS_MAX} digits")
    return whole


_CLOCK = r"(?:[T ]*[0-9]{1,2}(?::|时)[0-9]{1,2}(?:(?::|分)[0-9]{1,2}(?:\.[0-9]+)?秒?|分)?)?"
_DAY = re.compile(rf"([0-9]{{4}})\s*[-/.年]\s*([0-9]{{1,2}})\s*[-/.月]\s*([0-9]{{1,2}})\s*(?:日|号|(?=$|[T ])){_CLOCK}")
_COMPACT = re.compile(rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})(?:(?=[T ]){_CLOCK})?")
_MONTH = re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*(?:月份?)?|([0-9]{4})([0-9]{2})")
_BARE_DAY = re.compile(r"([0-9]{1,2})\s*月\s*([0-9]{1,2})\s*[日号]")
_BARE_MONTH = re.compile(r"([0-9]{1,2})\s*月份?")
LATE_DAYS_MAX = 92


def parse_date(text: str, period: Period | None = None, serial_zero: datetime.date = SERIAL_ZERO) -> ReadDate:
    """Read a date of day or month precision; one without a year needs the statement's period."""
    read = clean(text)
    if read.lower() in _NULLS:
        raise CellError("value_missing", "a date")
    if match := _DAY.fullmatch(read) or _COMPACT.fullmatch(read):
        return ReadDate(_day(*map(int, match.groups())), "day")
    if text.endswith(IN_DOUBT):
        raise CellError("month_ambiguous", f"{read[:4]}-01 or {read[:4]}-10; a spreadsheet makes {read} of both")
    if match := _MONTH.fullmatch(read):
        year, month = (int(part) for part in match.groups() if part)
        return ReadDate(_day(year, month, 1), "month")
    if len(read) == 5 and read.isascii() and read.isdigit():
        day = serial_zero + datetime.timedelta(days=int(read))
        if 2000 <= day.year <= 2099:
            return ReadDate(day, "day")
    if match := _BARE_DAY.fullmatch(read):
        return ReadDate(_in_period(int(match[1]), int(match[2]), period), "day")
    if match := _BARE_MONTH.fullmatch(read):
        return ReadDate(_in_period(int(match[1]), 1, period), "month")
    raise CellError("date_malformed", "a date such as 2024-07-05, 2024年7月5日 or 20240705")


def parse_day(text: str, period: Period | None = None, serial_zero: datetime.date = SERIAL_ZERO) -> datetime.date:
    """Read a full date; refuse one that names only a month."""
    read = parse_date(text, period, serial_zero)
    if read.precision != "day":
        raise CellError("date_without_day", "a full date such as 2024-07-05")
    return read.day


def parse_month(text: str, period: Period | None = None, serial_zero: datetime.date = SERIAL_ZERO) -> str:
    """Read a month as YYYY-MM, also from a full date inside it."""
    return parse_date(text, period, serial_zero).month


def month_end(day: datetime.date) -> datetime.date:
    """Give the last day of the month that `day` lies in."""
    return (day.replace(day=28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)


def _day(year: int, month: int, day: int) -> datetime.date:
    if not 2000 <= year <= 2099:
        raise CellError("date_out_of_range", "a year from 2000 to 2099")
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise CellError("date_impossible", "a day that the calendar has") from None


def _in_period(month: int, day: int, period: Period | None) -> datetime.date:
    """Choose the year that puts the day inside the period, or a little after it (a late transfer)."""
    if period is None:
        raise CellError("date_without_year", "a date with its year; the statement names no period")
    candidates = []
    for year in range(period.first.year - 1, period.last.year + 2):
        try:
            candidates.append(_day(year, month, day))
        except CellError:
            continue  # 29 February, or a month that no year has
    inside = [date for date in candidates if period.first.replace(day=1) <= date <= period.last]
    after = [date for date in candidates if 0 < (date - period.last).days <= LATE_DAYS_MAX]
    chosen = inside or after
    if len(chosen) != 1:
        raise CellError("date_without_year", "a date with its year")
    return chosen[0]
