"""Every reason to say no, by its stable code."""

from ledger.core import reasons_of_book, reasons_of_carbon, reasons_of_periods, reasons_of_request
from ledger.core.reason import Reason

_ALL = (
    *reasons_of_book.REASONS,
    *reasons_of_carbon.REASONS,
    *reasons_of_periods.REASONS,
    *reasons_of_request.REASONS,
)
REASONS: dict[str, Reason] = {reason.code: reason for reason in _ALL}
assert len(REASONS) == len(_ALL), "a code stands twice"
