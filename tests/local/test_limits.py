"""The platform's numbers, as its own pages and models state them."""

from __future__ import annotations

from stagewire_local.limits import MESSAGE_CHARS, MIB, Limits


def test_sizes_and_times_are_the_platforms():
    """Unless somebody sets them, a door has SageMaker's (docs/fidelity.md names each one's source)."""
    found = Limits()

    assert (found.body_bytes, found.hop_bytes) == (25 * MIB, 5 * MIB)
    assert (found.reply_seconds, found.ping_seconds) == (60, 2)
    assert (found.start_seconds, found.stop_seconds) == (8 * 60, 30)
    assert (found.stream_seconds, found.serverless_bytes) == (8 * 60, 4 * MIB)
    assert (found.attributes_chars, MESSAGE_CHARS) == (1024, 2048)
    assert (found.async_bytes, found.inline_bytes) == (1024 * MIB, 128_000)
