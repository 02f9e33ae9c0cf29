"""Lets the demo start the program's own `local up` with the interpreter it runs in."""

from __future__ import annotations

from stagewire_pipeline.command import main

main(prog_name="stagewire")
