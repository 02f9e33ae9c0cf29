"""A request's headers, decoded only when somebody looks: a stage itself asks for four of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Headers by lower-case name, as ASGI hands them over; of equal ones the last."""

    __slots__ = ("raw",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self.raw = dict(pairs)

    def __getitem__(self, name: str) -> str:
        try:
            return self.raw[name.encode("latin-1")].decode("latin-1")
        except UnicodeEncodeError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)
