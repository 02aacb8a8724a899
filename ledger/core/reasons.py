"""Every reason to say no, by its stable code."""

from ledger.core import reasons_of_book, reasons_of_request
from ledger.core.reason import Reason

REASONS: dict[str, Reason] = {reason.code: reason for reason in (*reasons_of_book.REASONS, *reasons_of_request.REASONS)}
assert len(REASONS) == len(reasons_of_book.REASONS) + len(reasons_of_request.REASONS), "a code stands twice"
