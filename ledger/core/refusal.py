"""A refusal is a value: a reason and its figures. The catalogue of reasons is `ledger.core.reasons`."""

import msgspec

from ledger.core.phrases import PHRASED, in_chinese
from ledger.core.reason import Reason
from ledger.core.reasons import REASONS

FIGURE_CHARS_MAX = 300
"""A longer figure is cut, so that the record of a refusal is never too large."""

NOTHING_POSTED = "Nothing was posted."
NOTHING_POSTED_ZH = "未作任何记账。"


class Refusal(msgspec.Struct, frozen=True):
    """The fact, the figures, the effect."""

    reason: Reason
    figures: dict[str, str]

    @property
    def code(self) -> str:
        """The stable code."""
        return self.reason.code

    def title(self, *, chinese: bool = False) -> str:
        """What kind of refusal this is, in a few words."""
        return self.reason.title_zh if chinese else self.reason.title

    def detail(self, *, chinese: bool = False) -> str:
        """One or two sentences to the caller; the effect is not stated where it is not known."""
        known = self.code != "outcome_unknown"
        if chinese:
            figures = {name: in_chinese(one) if name in PHRASED else one for name, one in self.figures.items()}
            return self.reason.text_zh.format_map(figures) + (NOTHING_POSTED_ZH if known else "")
        text = self.reason.text.format_map(self.figures)
        return f"{text} {NOTHING_POSTED}" if known else text


def refuse(code: str, **figures: object) -> Refusal:
    """The refusal of this code with these figures; every figure its texts name must be given."""
    return Refusal(REASONS[code], {name: str(value)[:FIGURE_CHARS_MAX] for name, value in sorted(figures.items())})
