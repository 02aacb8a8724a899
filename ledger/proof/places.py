"""Where the serials of one lot lie, as a verifier follows them: ranges that never overlap, each with its account."""

from bisect import bisect_right


class Places:
    """The ranges of a lot inside the book, in order."""

    __slots__ = ("_accounts", "_ends", "_firsts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self._accounts: list[str] = []

    def take(self, account: str, first: int, end: int) -> bool:
        """Take [first, end) out of the account; False, and nothing taken, unless all of it lies there."""
        firsts, ends, accounts = self._firsts, self._ends, self._accounts
        low = high = bisect_right(firsts, first) - 1
        if low < 0 or ends[low] <= first:
            return False
        reached = firsts[low]
        while reached < end:
            if high == len(firsts) or accounts[high] != account or (high > low and firsts[high] != reached):
                return False
            reached, high = ends[high], high + 1
        kept = [(firsts[low], first)] if firsts[low] < first else []
        kept += [(end, reached)] if end < reached else []
        firsts[low:high] = [piece[0] for piece in kept]
        ends[low:high] = [piece[1] for piece in kept]
        accounts[low:high] = [account] * len(kept)
        return True

    def put(self, account: str, first: int, end: int) -> bool:
        """Put [first, end) into the account, joined with what it has beside it; False where any of it lies anywhere."""
        firsts, ends, accounts = self._firsts, self._ends, self._accounts
        at = bisect_right(firsts, first)
        if (at > 0 and ends[at - 1] > first) or (at < len(firsts) and firsts[at] < end):
            return False
        low, high = at, at
        if at > 0 and ends[at - 1] == first and accounts[at - 1] == account:
            low, first = at - 1, firsts[at - 1]
        if at < len(firsts) and firsts[at] == end and accounts[at] == account:
            high, end = at + 1, ends[at]
        firsts[low:high], ends[low:high], accounts[low:high] = [first], [end], [account]
        return True

    def all(self) -> list[tuple[str, int, int]]:
        """(account, first, end) of every range."""
        return list(zip(self._accounts, self._firsts, self._ends, strict=True))
