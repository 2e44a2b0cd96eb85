"""docs/performance.md: each bench owns one block of it and replaces only that; what stands outside is written by hand."""

import platform
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def put(name: str, lines: list[str], page: Path = PAGE) -> None:
    """Replace the block of that name; raises ValueError where the page has none."""
    text = page.read_text(encoding="utf-8")
    opening, closing = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    before, found, rest = text.partition(opening)
    _, ended, after = rest.partition(closing)
    if not found or not ended:
        raise ValueError(f"{page.name} has no block {name}")
    page.write_text("".join([before, opening, "\n".join(lines), "\n", closing, after]), encoding="utf-8")


def machine() -> str:
    """What it was measured on, in words."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    gigabytes = int(total.split()[1]) / 1024**2
    return (
        f"{len(names)} cores of {names[0] if names else platform.processor()}, {gigabytes:.0f} GB, "
        f"Linux, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    )


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A markdown table, the first column to the left and the others to the right."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [[head[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(head[1:], widths[1:], strict=True))]]
    lines.append(rule)
    lines += [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in rows
    ]
    return [f"| {' | '.join(line)} |" for line in lines]
