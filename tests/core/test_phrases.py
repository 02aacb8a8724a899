"""Phrases in refusals: each that the program can say is there in Chinese, and none that it cannot."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.core.phrases import PHRASED, PHRASES, in_chinese
from ledger.core.refusal import refuse

ROOT = Path(__file__).resolve().parents[2]


def template(node: ast.expr | None) -> str | None:
    """A text as it is written, braces for what is put into it; None where it is made elsewhere."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in values)
    return None


def said(tree: ast.Module) -> Iterator[str | None]:
    """What one module says in the figures that are phrases."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="refuse"), keywords=named):
                yield from (template(one.value) for one in named if one.arg in PHRASED)
            case ast.Call(func=ast.Name(id="Permission" | "_allowed"), args=[*_, last]):
                yield template(last)
            case ast.FunctionDef(name="unsound"):
                yield from (template(one.value) for one in ast.walk(node) if isinstance(one, ast.Return))
            case ast.Assign(targets=[ast.Name(id="found")], value=ast.JoinedStr() as text):
                yield found if (found := template(text)) in PHRASES else None


def test_every_phrase_is_there_in_chinese() -> None:
    """Found in the source itself, so that a new refusal cannot be half English."""
    files = [*(ROOT / "ledger").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
    phrases = {phrase for file in files for phrase in said(ast.parse(file.read_text("utf-8"))) if phrase is not None}
    assert phrases == PHRASES.keys()


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("account Holding:Ent:GH-001", "账户 Holding:Ent:GH-001"),
        ("record 5 in a tree of 9", "记录 5（在大小为 9 的树中）"),
        ("tile 1/0 of width 7", "宽度为 7 的瓦片 1/0"),
        ("what a framework says", "what a framework says"),
    ],
)
def test_the_longest_phrase_that_fits_is_taken(english: str, chinese: str) -> None:
    """With what differs from case to case in its place."""
    assert in_chinese(english) == chinese


def test_a_refusal_is_whole_in_both_languages() -> None:
    """The figures, which are recorded, stay as they are."""
    found = refuse("forbidden", role="regulator", action="register meters")
    assert found.detail() == "Role regulator may not register meters. Nothing was posted."
    assert found.detail(chinese=True) == "角色 regulator 无权登记计量器具。未作任何记账。"
    assert found.figures["action"] == "register meters"
