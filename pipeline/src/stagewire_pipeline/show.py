"""What the program shows of its work: live in a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console

    from stagewire_pipeline.child import Line
    from stagewire_pipeline.errors import RefusalError
    from stagewire_pipeline.packaging import Artifact
    from stagewire_pipeline.score import Scored
    from stagewire_pipeline.training import Outcome

MIB = 1024 * 1024
KIB = 1024
# A screen's worth; the rest is counted.
ROWS = 10

CURL = """\
curl -s {url}/invocations -H 'Content-Type: text/csv' --data-raw {row}"""
BOTO3 = """\
import boto3

runtime = boto3.client(
    "sagemaker-runtime", endpoint_url="{url}", region_name="us-east-1",
    aws_access_key_id="local", aws_secret_access_key="local",
)
answer = runtime.invoke_endpoint(EndpointName="{name}", ContentType="text/csv", Body={row!r})
print(answer["Body"].read().decode())"""


def live(console: Console) -> bool:
    """Tell whether lines can be drawn over: FORCE_COLOR, which notebooks set, makes no terminal."""
    return console.is_terminal and console.file.isatty()


@contextmanager
def progress(console: Console) -> Generator[Callable[[Line], None]]:
    """Hand out what a child's lines are said to: a status line in a terminal, else line by line."""
    if not live(console):
        yield lambda line: console.print(Text(line.text), soft_wrap=True)
        return
    with console.status("starting") as status:
        yield lambda line: status.update(Text(line.text))


def outcome(console: Console, found: Outcome) -> None:
    """Say what training came to."""
    kinds = {"numbers": found.kinds.numeric, "words": found.kinds.categorical}
    told = "; ".join(f"{kind}: {listed(names)}" for kind, names in kinds.items() if names)
    # Neither is known where they were stated for the stage alone.
    source = f" from {told}" if told else ""
    console.print(Text(f"Predicts {found.label}{source}"), soft_wrap=True)
    for note in found.kinds.notes:
        console.print(Text(f"Note: {note}"), soft_wrap=True)
    if found.skipped:
        console.print(
            "Nothing changed since the last training, which is kept (--force trains again)."
        )
    if not found.score:
        console.print("The predictor reported no score of the held-out rows.")
        return
    figures = {key: value for key, value in found.score.items() if key != "rows"}
    scores = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
    console.print(f"Held-out score ({found.score.get('rows', '?')} rows): {scores}")


def listed(names: Sequence[str]) -> str:
    """Write names, a line's worth of them."""
    more = f" and {len(names) - ROWS} more" if len(names) > ROWS else ""
    return ", ".join(names[:ROWS]) + more


def artifacts(console: Console, found: Sequence[Artifact]) -> None:
    """Say what was packed."""
    for each in found:
        size = f"{each.size / MIB:.1f} MiB" if each.size >= MIB else f"{each.size / KIB:.1f} KiB"
        state = "  (up to date)" if each.skipped else ""
        line = f"{each.path}  {size}  sha256 {each.sha256}{state}"
        console.print(Text(line), soft_wrap=True)


def scored(console: Console, found: Scored) -> None:
    """Show some true labels beside their predictions, and the score of all."""
    table = Table("row", f"true {found.label}", "predicted", box=None)
    for i, pair in enumerate(zip(found.truth[:ROWS], found.predicted[:ROWS], strict=True)):
        table.add_row(str(i), *(Text(cell) for cell in pair))
    console.print(table)
    console.print(f"{found.metric} over {len(found.truth)} held-out rows: {found.value:.3f}")


def calls(console: Console, *, url: str, name: str, row: str) -> None:
    """Show lines to copy that send one row; they end in nothing that a shell would trip over."""
    console.print("\nFrom a shell:\n")
    console.print(Text(CURL.format(url=url, row=shlex.quote(row))), soft_wrap=True)
    console.print("\nFrom Python:\n")
    console.print(Text(BOTO3.format(url=url, name=name, row=row)), soft_wrap=True)
    console.print()


def refusal(console: Console, error: RefusalError) -> None:
    """Show who refused, why, and the cells at fault."""
    found = error.refusal
    console.print(Text(f"Error: {error}"), soft_wrap=True)
    if not found.rows:
        return
    names = ("row", *(["line"] if "line" in found.rows[0] else []), "column", "value", "reason")
    table = Table(*names, box=None)
    for row in found.rows[:ROWS]:
        cells = [row.get(name) for name in names]
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))
    console.print(table)
    told = len({row.get("row") for row in found.rows[:ROWS]})
    if found.bad_rows > told:
        console.print(f"… and {found.bad_rows - told} more rows")
