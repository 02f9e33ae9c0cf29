"""Lets an image without the `stagewire` program start the door: `python -m stagewire_local up`."""

from __future__ import annotations

from stagewire_local.command import local

local(prog_name="python -m stagewire_local")
