"""`python -m featurizer serve|train|compile`, the same program that the image runs."""

from __future__ import annotations

from stagewire.main import main

raise SystemExit(main("featurizer"))
