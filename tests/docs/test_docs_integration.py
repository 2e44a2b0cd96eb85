"""The integration guides name what the API can answer with, and their examples are what it takes."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.api.schemas import read_document
from gateway.documents.announcing import Happening
from gateway.problems import Problem
from gateway.statuses.codes import STATUS_CODES
from gateway.store.faults import Trouble

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "docs" / name for name in ("integration.md", "integration.vi.md")]
ANSWERING = [
    *sorted((ROOT / "gateway" / "api").glob("*.py")),
    *sorted((ROOT / "gateway" / "desk").glob("*.py")),
    *sorted((ROOT / "gateway" / "documents").glob("*.py")),
    *sorted((ROOT / "gateway" / "handover").glob("*.py")),
    *sorted((ROOT / "gateway" / "statuses").glob("*.py")),
    ROOT / "gateway" / "directory" / "catalogue.py",
    ROOT / "gateway" / "store" / "faults.py",
]
OF_COMMANDS = frozenset({"client.key_malformed", "client.name_empty", "client.no_units", "client.unknown"})
_CODE = re.compile(r"[a-z]+[0-9]*\.[a-z0-9_]+")


@pytest.fixture(params=GUIDES, ids=lambda guide: guide.name)
def guide(request: pytest.FixtureRequest) -> str:
    """The text of one guide."""
    path: Path = request.param
    return path.read_text(encoding="utf-8")


def test_every_error_code_is_in_the_table(guide: str) -> None:
    codes = {code for path in ANSWERING for code in _problem_codes(path)} | {f"database.{one}" for one in Trouble}
    assert {"document.unknown", "recipient.unknown", "status.not_yours", "document.has_left"} <= codes
    assert sorted(code for code in codes - OF_COMMANDS if f"`{code}`" not in guide) == []


def test_every_event_kind_is_explained(guide: str) -> None:
    assert [kind for kind in Happening if f"`{kind}`" not in guide] == []


def test_statuses_are_told_with_their_law_names_and_reasons(guide: str) -> None:
    rows = {row.split("|")[1].strip(): row for row in guide.splitlines() if re.match(r"\| \d\d \|", row)}
    assert sorted(rows) == sorted(STATUS_CODES)
    assert [code for code, status in STATUS_CODES.items() if f"| {status.name.vi} |" not in rows[code]] == []
    assert {code for code, row in rows.items() if "**" in row} == {
        code for code, status in STATUS_CODES.items() if status.needs_reason
    }


def test_example_documents_are_taken(guide: str) -> None:
    examples = re.findall(r"cat > \S+ <<'?JSON'?\n(.*?)\nJSON", guide, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        plain = re.sub(r"\$\([^\n]*\)", "QQ==", example)
        assert read_document(plain.encode(), most_attachments=10).attachments


def test_other_json_examples_are_json(guide: str) -> None:
    for example in re.findall(r"```json\n(.*?)```", guide, re.DOTALL):
        assert json.loads(example)


def test_both_languages_give_the_same_commands() -> None:
    first, second = (re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL) for path in GUIDES)
    assert first == second


def _problem_codes(path: Path) -> Iterator[str]:
    """Literal codes given to Problem, or to a function of the module that makes one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    makers = {Problem.__name__} | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id == "Problem"
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in makers:
            continue
        for argument in node.args[:1]:
            if (
                isinstance(argument, ast.Constant)
                and isinstance(argument.value, str)
                and _CODE.fullmatch(argument.value)
            ):
                yield argument.value
