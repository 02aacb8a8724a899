"""Broken and odd files: each is read as an auditor would, in a child process, within its time and memory."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import pytest

from ledger.imports import frames
from ledger.imports.cells import squeeze
from ledger.imports.documents import (
    WITHDRAWN,
    RowProblem,
    SettlementStatement,
    SummaryStatement,
    TradeRow,
)
from ledger.imports.frames import Frame, TradeRows, TradesClosed, TradesOpened, Unreadable, Whole
from ledger.imports.matching import chain_of, control_total_ok, match, summary_controls
from tests.imports.corpus import SOME, Answered, Case, Flagged, Reads, Refused, Verdict, cases

SECONDS_MAX, KIB_MAX = 10, 256 * 1024
CORPUS = cases()
MEASURED = """
import contextlib, os, psutil, shutil, signal, subprocess, sys
for order in sys.stdin:
    name, path = order.rstrip("\\n").split("\\t")
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "ledger.imports.child", "statement", name, path],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
    )
    def end(*_):
        with contextlib.suppress(psutil.Error):  # it may have ended at this moment
            used = psutil.Process(child.pid).cpu_times()
            if used.user + used.system > 10:
                os.kill(child.pid, signal.SIGKILL)
    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 10, 0.1)
    with open(path + ".told", "wb") as told:
        shutil.copyfileobj(child.stdout, told)
    _, status, usage = os.wait4(child.pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(status, usage.ru_maxrss, usage.ru_utime + usage.ru_stime, flush=True)
"""
"""Starts children as an upload does and measures them, in seconds of work, whatever else the machine does. It is a
small process of its own, because the peak of a child's memory counts that of whoever started it."""


class Answer(NamedTuple):
    """What the child said of a file, and what that took."""

    refused: str | None
    line: int | None
    layout: str
    platform: str
    rows: list[Any]
    quantity: int
    problems: list[tuple[int, str]]
    warnings: list[tuple[int, str]]
    control: str
    duplicates: int
    conflicts: int
    seconds: float
    kib: int


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """The answers to all the files that the chosen tests ask for."""
    folder = tmp_path_factory.mktemp("corpus")
    asked = {item.callspec.id for item in request.session.items if getattr(item, "callspec", None)}
    chosen = [case for case in CORPUS if case.name in asked]
    return dict(zip((case.name for case in chosen), ask(chosen, folder), strict=True))


def ask(chosen: Sequence[Case], folder: Path) -> list[Answer]:
    """What children say of these files, two at a time."""
    command = [sys.executable, "-I", "-c", MEASURED]
    starters: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    with contextlib.ExitStack() as running, ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            starters.put(running.enter_context(started))
        return list(pool.map(lambda case: _ask(case, folder, starters), chosen))


each = pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)


@each
def test_a_file_has_the_verdict_of_an_auditor(case: Case, answers: dict[str, Answer]) -> None:
    """Rows, certificates, bad rows and refusals are what the domain reference and common sense say."""
    assert differences(case.verdict, answers[case.name]) == []


@each
def test_no_file_takes_long_or_much(case: Case, answers: dict[str, Answer]) -> None:
    """Whatever a file is made to do, the child ends within ten seconds and 256 MiB."""
    answer = answers[case.name]
    assert answer.seconds <= SECONDS_MAX and answer.kib <= KIB_MAX, (answer.seconds, answer.kib)


def test_the_corpus_is_large_and_has_no_file_twice() -> None:
    """There are at least 320 files, each with a name of its own."""
    assert len({case.name for case in CORPUS}) == len(CORPUS) >= 320


def differences(verdict: Verdict, answer: Answer) -> list[str]:
    """What an answer has that its verdict has not, in words."""
    if isinstance(verdict, Refused):
        same = answer.refused in verdict.rules and verdict.line in (None, answer.line)
        return [] if same else [f"{_told(answer)}, not refused by {verdict.rules} at {verdict.line}"]
    if isinstance(verdict, Answered) or answer.refused == "crashed":
        return ["crashed"] if answer.refused == "crashed" else []
    if isinstance(verdict, Flagged):
        told = [line for line, _ in (*answer.problems, *answer.warnings)]
        is_flagged = bool(answer.refused or (told if verdict.line is None else verdict.line in told))
        return [] if is_flagged else [f"{_told(answer)}, without a word on {verdict.line}"]
    if answer.refused:
        return [f"{_told(answer)}, not read"]
    found = [
        f"{name} {getattr(answer, name)}, not {wanted}"
        for name, wanted in (("quantity", verdict.quantity), ("control", verdict.control),
                             ("duplicates", verdict.duplicates), ("conflicts", verdict.conflicts))
        if wanted is not None and getattr(answer, name) != wanted
    ]  # fmt: skip
    found += [] if len(answer.rows) == verdict.rows else [f"{len(answer.rows)} rows, not {verdict.rows}"]
    found += _problem_differences(verdict, answer)
    found += [f"no warning {one}" for one in verdict.warned if one not in answer.warnings]
    return found + [
        f"{cell} {value}, not {wanted}"
        for cell, wanted in verdict.cells.items()
        if (value := _value(answer, cell)) != str(wanted)
    ]


def _problem_differences(verdict: Reads, answer: Answer) -> list[str]:
    told = set(answer.problems)
    for line, rule in verdict.problems:
        hits = {one for one in told if one[0] == line and rule in (SOME, one[1])}
        if not hits:
            return [f"problems {answer.problems}, not {verdict.problems}"]
        told -= {one for one in told if one[0] == line} if rule == SOME else hits
    return [f"problems {sorted(told)} beside {verdict.problems}"] if told else []


def _told(answer: Answer) -> str:
    if answer.refused:
        return f"refused by {answer.refused} at {answer.line}"
    return f"{len(answer.rows)} rows of {answer.quantity} read, problems {answer.problems}"


def _value(answer: Answer, cell: str) -> str:
    index, _, field = cell.rpartition(".")
    if field in ("layout", "platform"):
        return str(getattr(answer, field))
    rows = answer.rows[int(index or 0) :]
    return str(getattr(rows[0], field)) if rows else "of no row"


def _ask(case: Case, folder: Path, starters: "SimpleQueue[subprocess.Popen[str]]") -> Answer:
    """Have a child read the file, and look at what it took."""
    path, told = folder / case.name, folder / f"{case.name}.told"
    path.write_bytes(case.make())
    starter = starters.get()
    assert starter.stdin is not None and starter.stdout is not None
    starter.stdin.write(f"{case.file}\t{path}\n")
    starter.stdin.flush()
    measured = starter.stdout.readline().split()
    starters.put(starter)
    status, kib, seconds, content = int(measured[0]), int(measured[1]), float(measured[2]), told.read_bytes()
    path.unlink()
    told.unlink()
    if os.WIFSIGNALED(status):  # by a limit, as an upload tells it
        slow = os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)
        return _answer([Unreadable("too_slow" if slow else "too_large", "")], seconds, kib)
    return _answer([] if status else _frames(content), seconds, kib)


def _frames(content: bytes) -> list[Frame]:
    found, at = [], 0
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4], "big")
        found.append(frames.decode(content[at + 4 : end]))
        at = end
    return found


def _answer(told: list[Frame], seconds: float, kib: int) -> Answer:
    nothing = Answer("crashed", None, "", "", [], 0, [], [], "none", 0, 0, seconds, kib)
    match told:
        case [*_, Unreadable() as why]:
            return nothing._replace(refused=why.rule, line=why.line)
        case [TradesOpened() as opened, *middle, TradesClosed() as closed]:
            rows = [row for frame in middle if isinstance(frame, TradeRows) for row in frame.rows]
            return _of_trades(nothing, opened, rows, closed)
        case [Whole(settlement=SettlementStatement() as settlement)]:
            return _of_settlement(nothing, settlement)
        case [Whole(summary=SummaryStatement() as summary)]:
            return _of_summary(nothing, summary)
    return nothing


def _of_trades(nothing: Answer, opened: TradesOpened, rows: list[TradeRow], closed: TradesClosed) -> Answer:
    trades: dict[tuple[str, str, str], list[TradeRow]] = {}
    for row in rows:
        trades.setdefault(row.identity, []).append(row)
    chains = [chain_of(same, file="", name_key=squeeze) for same in trades.values()]
    standing = [row for chain in chains for row in chain.kept if row.state != WITHDRAWN]
    count, amount = sum(row.quantity for row in standing), sum(row.amount_fen for row in standing)
    controls = (
        match(count, closed.control_count, within=closed.control_half_unit),
        match(amount, closed.control_amount_fen, within=0),
    )
    return nothing._replace(
        refused=None, layout="A", platform=opened.platform, rows=rows, quantity=count,
        problems=_places(closed.problems), warnings=_places(closed.warnings),
        control=control_total_ok(controls) or "none",
        duplicates=sum(chain.duplicates for chain in chains), conflicts=sum(len(chain.conflicts) for chain in chains),
    )  # fmt: skip


def _of_settlement(nothing: Answer, found: SettlementStatement) -> Answer:
    columns = ("settled_kwh", "amount_fen", "due", "transferred", "tail_kwh")
    distinct = {(*(getattr(row, name) for name in row.__struct_fields__[2:]),): row for row in found.rows}
    sums = {name: sum(getattr(row, name) or 0 for row in distinct.values()) for name in columns}
    controls = [match(sums[name], getattr(found.totals, name, None), within=0) for name in columns]
    return nothing._replace(
        refused=None, layout="B", platform=found.platform, rows=list(found.rows), quantity=sums["due"],
        problems=_places(found.problems), warnings=_places(found.warnings),
        control=control_total_ok(controls) or "none", duplicates=len(found.rows) - len(distinct),
    )  # fmt: skip


def _of_summary(nothing: Answer, found: SummaryStatement) -> Answer:
    return nothing._replace(
        refused=None, layout="C", rows=list(found.rows), quantity=found.subscribed,
        problems=_places(found.problems), warnings=_places(found.warnings),
        control=control_total_ok(summary_controls(found).values()) or "none",
    )  # fmt: skip


def _places(problems: tuple[RowProblem, ...]) -> list[tuple[int, str]]:
    return [(problem.line, problem.rule) for problem in problems]
