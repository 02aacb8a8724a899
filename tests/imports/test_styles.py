"""What a workbook shows beside its cells: units printed by a number's form, and red."""

from decimal import Decimal

import pytest

from ledger.imports.sheets import figure_text
from ledger.imports.styles import is_red, red_lines, suffix_of, with_suffixes
from ledger.imports.styles import read_styles as read


@pytest.mark.parametrize(
    ("form", "suffix"),
    [
        ('0"万张"', "万张"),
        ("#,##0.00万张", "万张"),
        ("0.0\\万", "万"),
        ('0"千瓦时"', "千瓦时"),
        ('0!.0,"万"', ' [0!.0,"万"]'),
        ('"约"0"万张"', ' ["约"0"万张"]'),
        ('#,##0"个"', ""),
        ('0.00"元/张"', ""),
        ('yyyy"年"m"月"', ""),
        ('h"时"mm"分"', ""),
        ("0.00_ ;[Red]-0.00", ""),
        ("General", ""),
    ],
)
def test_a_form_that_changes_what_a_number_is_worth_is_seen(form: str, suffix: str) -> None:
    """A unit stands behind the number, a scaled number's whole form; what says nothing new is left out."""
    assert suffix_of(form) == suffix


@pytest.mark.parametrize("styles", [1, 300])
def test_units_and_red_are_found_by_the_style_of_each_cell(styles: int) -> None:
    """Few styles are listed and many looked up; text, and cells without a value, are as they were."""
    plain = b'<xf numFmtId="0" fontId="0"/>'
    odd = b'<xf numFmtId="164" fontId="1"/>' * styles
    found = read(
        b"<styleSheet><numFmts><numFmt numFmtId='164' formatCode='0\"&#x4E07;&#x5F20;\"'/></numFmts><fonts><font/>"
        b'<font><color rgb="FFFF0000"/></font></fonts><cellStyleXfs>' + odd + b"</cellStyleXfs><cellXfs>"
        + plain + odd + b'</cellXfs><dxfs><dxf><font><color rgb="FFFF0000"/></font></dxf></dxfs></styleSheet>'
    )  # fmt: skip
    assert (len(found.suffixes), len(found.red)) == (styles, styles)
    sheet = (
        b'<c r="A1" s="0"><v>1</v></c><c r="A2" s="1"><v>1.20</v></c><c r="A3" s="1" t="s"><v>0</v></c>'
        b'<c r="A4" s="1"/><c r="A5" s="1" t="n"><f>1+1</f><v>2</v></c><c r="A6" s="1"><v></v></c>'
    )
    shown, lines = with_suffixes(sheet, found)
    assert lines == {2, 5}
    assert "<v>1.2万张</v>".encode() in shown and "<f>1+1</f><v>2万张</v>".encode() in shown
    assert shown.count(b' t="str"') == 2
    assert red_lines(sheet, found) == {2, 3, 5, 6}


def test_red_is_what_is_called_red() -> None:
    """Full and dark red are; orange, pink and black are not."""
    assert is_red(255, 0, 0) and is_red(192, 0, 0)
    assert not any(is_red(*colour) for colour in ((255, 165, 0), (255, 192, 203), (0, 0, 0)))


def test_a_figure_is_never_written_out_without_end() -> None:
    """A far exponent stays one, and a number that may be a month without its nought is marked."""
    assert figure_text(Decimal("1E-999999999")) == "1E-999999999"
    assert figure_text(Decimal("0E-30")) == "0"
    assert [figure_text(Decimal(text)) for text in ("2023.1", "2024.3")] == ["2023.1\u200b", "2024.3"]
