"""A request's headers, decoded only when somebody looks: a stage itself asks for four of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Headers by lower-case name, as ASGI hands them over; repeated ones are one list (RFC 9110 §5.3).

    Content-Type is no list: where there are several that differ, there is none, and `types` has them.
    """

    __slots__ = ("raw", "types")

    def __init__(self, pairs: Collection[tuple[bytes, bytes]]) -> None:
        self.raw = dict(pairs)
        self.types: tuple[bytes, ...] = ()
        if len(self.raw) != len(pairs):
            self._join(pairs)

    def _join(self, pairs: Collection[tuple[bytes, bytes]]) -> None:
        found: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        kinds = tuple(dict.fromkeys(found.pop(b"content-type", ())))
        self.raw = {name: b", ".join(values) for name, values in found.items()}
        if len(kinds) == 1:
            self.raw[b"content-type"] = kinds[0]
        else:
            self.types = kinds

    def __getitem__(self, name: str) -> str:
        try:
            return self.raw[name.encode("latin-1")].decode("latin-1")
        except UnicodeEncodeError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)
