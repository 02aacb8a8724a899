"""The sample park's meters and a year of their readings, made by rule: a function of `today` and nothing else.

Six enterprises of the article, each with electricity and its product; all figures are invented, near what such works
use (domain reference, sections 2.4 and 4.8). The file carries what real exports do: units of its own, full-width
digits, a title, totals and signatures.
"""

import datetime
import random
from typing import NamedTuple

from ledger.core.activity import Route
from ledger.core.command import RegisterMeter
from ledger.sample_park import SEED


class SampleMeter(NamedTuple):
    """A meter with what it shows in a usual month, in its unit."""

    enterprise: str
    name: str
    stage: str
    material: str
    route: Route | None
    monthly: int
    unit: str


METERS = (
    SampleMeter("GH-001", "E-001", "potline", "electricity", "GRID", 27_300, "万千瓦时"),
    SampleMeter("GH-001", "PV-001", "rooftop", "electricity", "SELF_USE", 548, "万千瓦时"),
    SampleMeter("GH-001", "AL-001", "casting", "aluminium", None, 20_400, "t"),
    SampleMeter("GH-002", "E-002", "potline", "electricity", "GRID", 28_400, "万千瓦时"),
    SampleMeter("GH-002", "AL-002", "casting", "aluminium", None, 21_000, "t"),
    SampleMeter("GH-003", "E-003", "reduction", "electricity", "GRID", 100_000, "MWh"),
    SampleMeter("GH-003", "SI-003", "reduction", "polysilicon", None, 1_700, "吨"),
    SampleMeter("GH-004", "E-004", "kiln", "electricity", "GRID", 15_000, "万千瓦时"),
    SampleMeter("GH-004", "CL-004", "kiln", "clinker", None, 62_000, "吨"),
    SampleMeter("GH-005", "E-005", "carbonization", "electricity", "GRID", 51_600, "MWh"),
    SampleMeter("GH-006", "E-006", "assembly", "electricity", "GRID", 42_500, "MWh"),
)


def sample_meters() -> list[RegisterMeter]:
    """Register every meter of the sample."""
    return [
        RegisterMeter(
            meter=one.name, enterprise=one.enterprise, site="works", stage=one.stage, material=one.material,
            route=one.route,
        )
        for one in METERS
    ]  # fmt: skip


def sample_readings(today: datetime.date) -> bytes:
    """A month's reading of each meter for every month that is over, of this year, or in January of the last."""
    last = today.replace(day=1) - datetime.timedelta(days=1)
    dice = random.Random(SEED + 3)
    lines = [f"甘河工业园区重点用能企业计量台账（{last.year}年）", "计量点,年月,数值,单位,备注"]
    for month in range(1, last.month + 1):
        for number, one in enumerate(METERS):
            tenths = one.monthly * dice.randint(960, 1040) // 100
            quantity = f"{tenths // 10}.{tenths % 10}"
            if number % 4 == 1:
                quantity = quantity.translate(str.maketrans("0123456789.", "０１２３４５６７８９．"))
            lines.append(f"{one.name},{last.year}年{month}月,{quantity},{one.unit},")
    lines += ["合计,,,,略", "制表人：示例", ""]
    return "\r\n".join(lines).encode("gb18030")
