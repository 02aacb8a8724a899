"""May certificates of a lot be offered, or come by a route? Judged by the rules in force on the day. Pure."""

from ledger.core.certificate import LotFacts, last_valid_day
from ledger.core.policy import PolicyBook
from ledger.core.refusal import Refusal, refuse


def judge_route(lot: LotFacts, route: str, policies: PolicyBook, *, on: str) -> tuple[int, ...] | Refusal:
    """The ids of the rows by which they may come by this route, or why not: `not_tradable`, `wrong_route`.

    A route that counts as their trade is judged by the rule that there is only one, where that is in force.
    """
    found = policies.acquisition(route, on)
    if found is None:
        return refuse("policy_missing", rule=f"acquisition by {route}", on=on)
    index, rule = found
    if rule.tradable == "yes" and not lot.tradable:
        return refuse("not_tradable", lot=lot.code, route=route)
    if rule.tradable == "no" and lot.tradable:
        return refuse("wrong_route", lot=lot.code, route=route)
    once = policies.trade_once(on) if rule.is_trade else None
    return (index,) if once is None else (index, once[0])


def judge_sale(lot: LotFacts, policies: PolicyBook, *, on: str) -> tuple[int, ...] | Refusal:
    """The ids of the rows by which they may be offered on a platform: tradable, and valid on the day."""
    route = judge_route(lot, "UNBUNDLED_TRADE", policies, on=on)
    if isinstance(route, Refusal):
        return route
    validity = judge_validity(lot, policies, on=on)
    return validity if isinstance(validity, Refusal) else (*route, validity)


def judge_validity(lot: LotFacts, policies: PolicyBook, *, on: str) -> int | Refusal:
    """The id of the row by which they are valid on the day, or `expired`, whether or not any job has noticed."""
    found = policies.validity(lot.production_month, on)
    if found is None:
        return refuse("policy_missing", rule=f"validity of {lot.production_month}", on=on)
    last = last_valid_day(lot.production_month, found[1]).isoformat()
    return refuse("expired", lot=lot.code, valid_until=last, occurred_on=on) if on > last else found[0]
