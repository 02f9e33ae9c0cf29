"""The group of commands that other rooms add to by entry point."""

from __future__ import annotations

import errno
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from stagewire_pipeline import show, show_deploy
from stagewire_pipeline.errors import FailedError, PipelineError, RefusalError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "stagewire.commands"
# Rooms that a person may well ask for before having them.
KNOWN = ("local",)
# As a newcomer comes to need them; further ones follow by name.
STORY = (
    "demo",
    "train",
    "package",
    "local",
    "invoke",
    "bench",
    "images",
    "push",
    "deploy",
    "delete",
)
# What has no path in its error: a disk, or a person's share of it, is full.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Rooms(click.Group):
    """Commands of this room and of those installed beside it; failures are explained and exit with 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, in the order of the story."""
        names = {*super().list_commands(ctx), *added()}
        return [*(name for name in STORY if name in names), *sorted(names - {*STORY})]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, another room's only when it is asked for."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry = added().get(cmd_name)
        if entry is not None:
            found: click.Command = entry.load()
            return found
        if cmd_name in KNOWN:
            raise click.ClickException(
                f"`stagewire {cmd_name}` comes with the room {cmd_name}/, "
                f"which is not installed here: install stagewire-{cmd_name}"
            )
        return None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; explain errors that the user can correct."""
        try:
            return super().invoke(ctx)
        except RefusalError as error:
            show.refusal(Console(stderr=True), error)
            ctx.exit(1)
        except FailedError as error:
            show_deploy.failed(Console(stderr=True), error)
            ctx.exit(1)
        except PipelineError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.filename is None and error.errno not in FULL:
                raise
            where = f"{error.filename}: " if error.filename is not None else ""
            raise click.ClickException(f"{where}{error.strerror}") from error


def added() -> dict[str, EntryPoint]:
    """Return the commands that installed rooms add, by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}
