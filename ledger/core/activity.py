"""Activity data: what meters measure, in which units, and which readings cannot be true. Pure.

A quantity is an `int` of the material's smallest unit, a thousandth of the everyday one, so that a reading of three
decimals stays whole. Readings are measurement data and no commodity: nothing here is debited or credited
(domain reference, section 3.1).
"""

import datetime
import re
import statistics
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from ledger.core.quantity import QUANTITY_MAX, plain
from ledger.core.refusal import Refusal, refuse

Route = Literal["GRID", "SELF_USE", "GREEN_POWER_BUNDLE", "DIRECT_CONNECTION"]
"""How electricity is supplied: by the public grid, from the consumer's own plant, by the grid with its certificates,
over a line of its own."""
Unit = Literal["Wh", "kJ", "g", "L"]
"""The smallest units; L is of gas at standard conditions."""
HOURS_MAX = 31 * 24
MOST_PER_HOUR: dict[Unit, int] = {"Wh": 5 * 10**9, "kJ": 10**11, "g": 10**10, "L": 10**9}
"""What no meter of one enterprise shows in an hour: 5 GWh, 100,000 GJ, 10,000 t, a million m3. The park draws less."""
FIRST_DAY = "2000-01-01"
"""Before it nothing of a park of today was metered."""


class Material(msgspec.Struct, frozen=True):
    """Something that is metered: energy, a fuel, a raw material or a product."""

    code: str
    unit: Unit
    role: Literal["electricity", "heat", "fuel", "raw", "product"]


MATERIALS: dict[str, Material] = {
    material.code: material
    for material in (
        Material("electricity", "Wh", "electricity"),
        Material("heat", "kJ", "heat"),
        Material("raw_coal", "g", "fuel"),
        Material("coke", "g", "fuel"),
        Material("crude_oil", "g", "fuel"),
        Material("petrol", "g", "fuel"),
        Material("diesel", "g", "fuel"),
        Material("natural_gas", "L", "fuel"),
        Material("limestone", "g", "raw"),
        Material("carbide_slag", "g", "raw"),
        Material("anode", "g", "raw"),
        Material("aluminium", "g", "product"),
        Material("clinker", "g", "product"),
        Material("lime", "g", "product"),
        Material("calcium_carbide", "g", "product"),
        Material("pvc", "g", "product"),
        Material("polysilicon", "g", "product"),
        Material("carbon_fibre", "g", "product"),
        Material("battery", "g", "product"),
    )
}

_WRITTEN: dict[str, tuple[Unit, int]] = {
    "wh": ("Wh", 1), "kwh": ("Wh", 10**3), "mwh": ("Wh", 10**6), "gwh": ("Wh", 10**9),
    "千瓦时": ("Wh", 10**3), "度": ("Wh", 10**3), "兆瓦时": ("Wh", 10**6), "万千瓦时": ("Wh", 10**7),
    "万kwh": ("Wh", 10**7), "万度": ("Wh", 10**7), "亿千瓦时": ("Wh", 10**11), "亿kwh": ("Wh", 10**11),
    "亿度": ("Wh", 10**11), "kj": ("kJ", 1), "mj": ("kJ", 10**3), "gj": ("kJ", 10**6), "tj": ("kJ", 10**9),
    "千焦": ("kJ", 1), "兆焦": ("kJ", 10**3), "吉焦": ("kJ", 10**6), "g": ("g", 1), "kg": ("g", 10**3),
    "t": ("g", 10**6), "克": ("g", 1), "千克": ("g", 10**3), "公斤": ("g", 10**3), "吨": ("g", 10**6),
    "万吨": ("g", 10**10), "l": ("L", 1), "m3": ("L", 10**3), "升": ("L", 1), "立方米": ("L", 10**3),
    "万立方米": ("L", 10**7), "万m3": ("L", 10**7), "nm3": ("L", 10**3), "万nm3": ("L", 10**7), "标方": ("L", 10**3),
    "万标方": ("L", 10**7),
}  # fmt: skip
"""Units as people write them, in lower case -> (smallest unit, how many of it)."""
REPORTED: dict[Unit, tuple[str, int]] = {"Wh": ("MWh", 6), "kJ": ("GJ", 6), "g": ("t", 6), "L": ("m3", 3)}
"""Smallest unit -> (the unit that factors and reports are in, by how many powers of ten it is larger)."""
_NUMBER = re.compile(r"-?([0-9]{1,20}|[0-9]{1,3}(,[0-9]{3}){1,6})(\.[0-9]{1,12})?")


class Meter(msgspec.Struct, frozen=True):
    """Where something is measured. What stands `under` another meter is part of its reading and is not added up."""

    meter: str
    log_index: int
    enterprise: str
    site: str
    stage: str
    """The process stage, in the enterprise's own words' id: raw_mill, kiln, potline, ..."""
    material: str
    route: str | None = None
    """Of electricity only."""
    under: str | None = None
    rating: int | None = None
    """The most it can show in an hour."""


class Reading(msgspec.Struct, frozen=True):
    """What a meter showed for some days, all of one month."""

    log_index: int
    meter: str
    first_on: str
    last_on: str
    quantity: int
    corrected_by: int | None = None

    @property
    def days(self) -> int:
        """How many days it is of."""
        first, last = map(datetime.date.fromisoformat, (self.first_on, self.last_on))
        return (last - first).days + 1


def smallest(text: str, unit: str) -> tuple[int, Unit] | Refusal:
    """A quantity as somebody wrote it, in its smallest unit; or `unit_unknown`, `reading_malformed`."""
    written = re.sub("[ ·.]", "", unicodedata.normalize("NFKC", unit))
    found = _WRITTEN.get(written.lower())
    if found is None:
        return refuse("unit_unknown", given=unit, known=" ".join(_WRITTEN))
    number = unicodedata.normalize("NFKC", text).strip()
    value = Fraction(number.replace(",", "")) * found[1] if _NUMBER.fullmatch(number) else None
    if value is None or value.denominator != 1 or abs(value) > QUANTITY_MAX:
        return refuse("reading_malformed", given=text, unit=unit, smallest=found[0])
    return int(value), found[0]


def unit_of(material: str) -> str:
    """The unit that factors and reports of a material are in."""
    return REPORTED[MATERIALS[material].unit][0]


def reported(quantity: int, material: str) -> tuple[Decimal, str]:
    """A quantity in the unit of factors and reports: MWh, GJ, t or m3; exact."""
    unit, powers = REPORTED[MATERIALS[material].unit]
    return Decimal(quantity).scaleb(-powers), unit


def shown(quantity: int, material: str) -> str:
    """A quantity as people read it: 1.5 MWh."""
    value, unit = reported(quantity, material)
    return f"{plain(value)} {unit}"


def judge_reading(
    meter: Meter, first_on: str, last_on: str, quantity: int, hours: tuple[int, ...], earlier: Iterable[Reading],
    *, confirmed: bool, today: str,
) -> Refusal | None:  # fmt: skip
    """Why a reading cannot be taken in, or None.

    `earlier` are the meter's standing readings without the one that this corrects. `confirmed`: somebody looked at a
    quantity that seems to be in another unit.
    """
    days = _days(first_on, last_on)
    if days is None:
        return refuse("reading_period", first_on=first_on, last_on=last_on)
    if last_on > today:
        return refuse("reading_of_the_future", meter=meter.meter, last_on=last_on, today=today)
    of = meter.material
    if quantity > (most := MOST_PER_HOUR[MATERIALS[of].unit] * 24 * days):
        return refuse("reading_absurd", meter=meter.meter, given=shown(quantity, of), limit=shown(most, of), days=days)
    if quantity < 0 or any(hour < 0 for hour in hours):
        return refuse("reading_negative", meter=meter.meter, given=shown(min(quantity, *hours, 0), of))
    if hours and (len(hours) != 24 * days or sum(hours) != quantity):
        return refuse("reading_hours", given=len(hours), expected=24 * days, sum=sum(hours), quantity=quantity)
    if meter.rating is not None and max(quantity - meter.rating * 24 * days, max(hours, default=0) - meter.rating) > 0:
        rating, given = shown(meter.rating, of), shown(quantity, of)
        return refuse("reading_above_rating", meter=meter.meter, rating=rating, quantity=given, days=days)
    known = list(earlier)
    for one in known:
        if one.first_on <= last_on and first_on <= one.last_on:
            return refuse(
                "reading_overlaps", meter=meter.meter, first_on=one.first_on, last_on=one.last_on, record=one.log_index
            )
    return None if confirmed else _suspect(meter, quantity, days, known)


def _days(first_on: str, last_on: str) -> int | None:
    """How many days, both included; None unless they are days of one month in their order, from FIRST_DAY on."""
    try:
        first, last = map(datetime.date.fromisoformat, (first_on, last_on))
    except ValueError:
        return None
    is_one = first_on >= FIRST_DAY and first <= last and first_on[:7] == last_on[:7]
    return (last - first).days + 1 if is_one else None


HISTORY_MIN = 3
"""Readings that tell what is usual; fewer tell only what is out of the question."""
SLIPS = (10, 1_000, 10_000)
"""By what a quantity is off that is in another unit: 万千瓦时 for MWh, kWh for MWh, 万 of anything (domain 5.3)."""


def _suspect(meter: Meter, quantity: int, days: int, earlier: list[Reading]) -> Refusal | None:
    """A reading that stands half a slip of units, or more, off the meter's usual day: of the smallest slip where there
    is a history, else of the next.
    """
    usual = [Fraction(one.quantity, one.days) for one in earlier if one.quantity]
    if not usual or not quantity:
        return None
    median, day = statistics.median(usual), Fraction(quantity, days)
    ratio = max(day / median, median / day)
    if 2 * ratio < SLIPS[0 if len(usual) >= HISTORY_MIN else 1]:
        return None
    known = shown(round(median * days), meter.material)
    given = shown(quantity, meter.material)
    return refuse("reading_unit_suspect", meter=meter.meter, given=given, usual=known, times=round(ratio))
