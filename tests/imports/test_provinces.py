"""Provinces of statements: each by its name, with or without what kind of province it is."""

import pytest

from ledger.imports.provinces import province_letters


@pytest.mark.parametrize(
    ("written", "letters"),
    [
        ("青海", "QH"), ("青海省", "QH"), (" 青 海 ", "QH"), ("qh", "QH"), ("ＱＨ", "QH"), ("宁夏回族自治区", "NX"),
        ("陕西", "SN"), ("山西", "SX"), ("河南省", "HA"), ("内蒙古", "NM"), ("西宁", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_province_is_known_by_its_name(written: str | None, letters: str | None) -> None:
    """A town is no province, and what is none is not guessed at."""
    assert province_letters(written) == letters
