"""What the program shows of a deployment: its steps as they happen, how to call it, why it failed."""

from __future__ import annotations

from contextlib import contextmanager
from shlex import quote
from time import monotonic
from typing import TYPE_CHECKING

from rich.text import Text

from stagewire_pipeline.show import live

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from rich.console import Console

    from stagewire_pipeline.deploying import Outcome
    from stagewire_pipeline.errors import FailedError

CALL = """\
import boto3

runtime = boto3.client(
    "sagemaker-runtime"{where}
)
answer = runtime.invoke_endpoint(
    EndpointName="{name}", ContentType="text/csv", Body=open("{rows}", "rb")
)
print(answer["Body"].read().decode())"""

HERE = """,
    endpoint_url="{url}", aws_access_key_id="local", aws_secret_access_key="local","""


@contextmanager
def steps(console: Console) -> Generator[Callable[[str], None]]:
    """Hand out what each step is said to: a line with its age in a terminal, else each new line."""
    last, since = "", monotonic()

    def plain(text: str) -> None:
        nonlocal last
        if text != last:
            console.print(Text(text), soft_wrap=True)
        last = text

    if not live(console):
        yield plain
        return
    with console.status("starting") as status:

        def drawn(text: str) -> None:
            nonlocal last, since
            if text != last:
                since = monotonic()
            if text.partition(":")[0] != last.partition(":")[0] and last:
                console.print(Text(last), soft_wrap=True)
            last = text
            status.update(Text(f"{text}  {monotonic() - since:.0f} s"))

        yield drawn
        if last:
            console.print(Text(last), soft_wrap=True)


def deployed(console: Console, found: Outcome, out: Path) -> None:
    """Say what stands, and how to call it."""
    entry, state = found.entry, found.state
    how = "is unchanged" if found.skipped else f"is {state.status}"
    console.print(Text(f"The endpoint {entry.name} {how} (model {entry.version})."), soft_wrap=True)
    if state.status != "InService":
        return
    rows, url = out / "test.csv", entry.target.url
    shell, python = (
        f"stagewire invoke {entry.name} {rows}",
        f', region_name="{entry.target.region}"',
    )
    remove = f"stagewire delete {entry.name} --out {quote(str(out))}"
    if url:
        # Outside of `local run` nothing else leads there, and boto3 wants some credentials.
        shell, remove = f"{shell} --endpoint-url {url}", f"AWS_ENDPOINT_URL={url} {remove}"
        python += HERE.format(url=url)
    console.print("\nFrom a shell:\n")
    console.print(Text(shell), soft_wrap=True)
    console.print("\nFrom Python:\n")
    console.print(Text(CALL.format(where=python, name=entry.name, rows=rows)), soft_wrap=True)
    console.print("\nRemove it:\n")
    console.print(Text(remove), soft_wrap=True)


def failed(console: Console, error: FailedError) -> None:
    """Show why an endpoint failed, and what its containers said last."""
    console.print(Text(f"Error: {error}"), soft_wrap=True)
    for stream, lines in error.logs.items():
        console.print(Text(f"\n{stream}:"), soft_wrap=True)
        for line in lines:
            console.print(Text(f"  {line}"), soft_wrap=True)
