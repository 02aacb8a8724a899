"""A reason to say no: one stable code, its HTTP status and its texts in English and Chinese."""

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """One row of the catalogue; braces in the texts name figures. `ledger.core.refusal` adds the effect."""

    code: str
    status: int
    title: str
    text: str
    title_zh: str
    text_zh: str
    frozen: bool = False
    """Recorded, and answered the same way for ever under its request key."""
