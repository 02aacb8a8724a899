"""May certificates of a lot be claimed for consumption in a year? Judged by the rules in force on the day. Pure."""

from ledger.core.certificate import LotFacts
from ledger.core.policy import PolicyBook
from ledger.core.refusal import Refusal, refuse
from ledger.core.trading import judge_validity


def judge_claim(lot: LotFacts, year: str, policies: PolicyBook, *, on: str) -> tuple[int, int] | Refusal:
    """The ids of the rows that allow it (validity, vintage), or why not: `expired`, `wrong_vintage`, `policy_missing`.

    `on` is the day of the retirement, not of the consumption: an expired certificate cannot be used, whether or not
    any job has noticed (domain reference, sections 1.7 and 1.8).
    """
    validity = judge_validity(lot, policies, on=on)
    if isinstance(validity, Refusal):
        return validity
    vintage = policies.vintage_match(year, on)
    if vintage is None:
        return refuse("policy_missing", rule=f"vintage for consumption in {year}", on=on)
    if vintage[1].match == "SAME_YEAR" and lot.production_month[:4] != year:
        return refuse("wrong_vintage", lot=lot.code, production_month=lot.production_month, year=year)
    return validity, vintage[0]
