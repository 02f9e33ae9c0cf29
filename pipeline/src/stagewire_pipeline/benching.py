"""What `stagewire bench` sends and where: batches of a user's own rows to a URL, or to an endpoint by name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from stagewire import media
from stagewire.limits import BODY_BYTES
from stagewire_pipeline import endpoint, joining, load, records, session
from stagewire_pipeline.caller import USUAL, Address
from stagewire_pipeline.errors import DataError, EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from stagewire_pipeline.records import Form

# This many different batches take turns, so that no cache is measured.
BATCHES = 8
# Rows of the first request, whose answer shows whether line 1 is a header.
PROBE_ROWS = 20


@dataclass(frozen=True)
class Target:
    """Where requests go; `signer` signs those that AWS looks at, which hold for minutes."""

    url: str
    headers: Mapping[str, str]
    signer: SigV4Auth | None = None

    @property
    def address(self) -> Address:
        """Read the URL. Raises DataError."""
        found = urlsplit(self.url)
        try:
            port = found.port
        except ValueError:
            port = 0
        if found.scheme not in {"http", "https"} or not found.hostname or port == 0:
            raise DataError(f"{self.url!r} is no URL such as http://localhost:8080/invocations")
        tls = found.scheme == "https"
        path = (found.path or "/") + (f"?{found.query}" if found.query else "")
        return Address(found.hostname, port or USUAL[tls], tls, path)

    def request(self, body: bytes) -> bytes:
        """Write one request."""
        headers = dict(self.headers)
        if self.signer:
            signed = AWSRequest("POST", self.url, headers=headers, data=body)
            self.signer.add_auth(signed)
            headers = dict(signed.headers.items())
        return self.address.request(body, headers)


def target(
    where: str, *, url: str | None, environ: Mapping[str, str], headers: Mapping[str, str]
) -> Target:
    """Read URL or NAME; a name's URL is the one that boto3 would call.

    Raises:
        DataError: it is no URL.
        EndpointError: region or credentials are missing.

    """
    if "://" in where:
        bare = urlsplit(where).path in {"", "/"}
        found = Target(where.rstrip("/") + "/invocations" if bare else where, headers)
        _ = found.address
        return found
    try:
        client = endpoint.client(url, environ)
        keys = session.session(url, environ).get_credentials()
    except (BotoCoreError, ValueError) as error:
        raise EndpointError(str(error)) from error
    if keys is None:
        raise EndpointError("there are no AWS credentials in the environment")
    service = client.meta.service_model.signing_name
    signer = SigV4Auth(keys.get_frozen_credentials(), service, client.meta.region_name)
    route = f"{client.meta.endpoint_url}/endpoints/{quote(where, safe='')}/invocations"
    return Target(route, headers, signer)


@dataclass(frozen=True)
class Rows:
    """A file's beginning as whole records, and its header, empty where it has none."""

    data: bytes
    cut: Form
    header: bytes

    def batches(self, count: int) -> list[bytes]:
        """Make bodies of `count` rows, the file's in turn, repeated if it has fewer."""
        total = self.cut.count(self.data)
        rest = self.data * -(-count // total)
        found: list[bytes] = []
        while len(found) < BATCHES and (not found or self.cut.count(rest) >= count):
            end = self.cut.skip(rest, count)
            found.append(self.header + rest[:end])
            rest = rest[end:]
        return found


def rows(path: Path, content_type: str, goal: Target) -> Rows:
    """Read a file's rows, and ask the endpoint with the first of them whether line 1 is a header.

    Raises:
        DataError: it has no rows, or is of a type that has none to count.
        EndpointError: the endpoint does not answer them.

    """
    cut = records.form(content_type)
    if cut is None:
        raise DataError(f"{content_type} has no rows to count; use {' or '.join(records.FORMS)}")
    with path.open("rb") as file:
        data = file.read(BODY_BYTES)
    data = cut.strip(data[: cut.end(data)] if len(data) == BODY_BYTES else data)
    if not data:
        raise DataError(f"{path} holds no rows")
    data += b"\n"
    probe = records.chunk(data[: cut.skip(data, PROBE_ROWS)], cut, record=0, line=1)
    answer = ask(goal, probe.data)
    found = media.parse(content_type)
    first = data[: cut.skip(data, 1)]
    if found.name != media.CSV or found.parameters.get("header") == "absent":
        return Rows(data, cut, b"")
    if found.parameters.get("header") == "present":
        return Rows(data[len(first) :], cut, first)
    try:
        shape = joining.learn(joining.Sent(found, drop=False), probe, answer)
    except EndpointError:
        raise EndpointError(
            f"the answer does not tell whether line 1 of {path} is a header; {joining.STATE}"
        ) from None
    return Rows(data[len(shape.header) :], cut, shape.header)


def ask(goal: Target, body: bytes) -> endpoint.Answer:
    """Send one request that must be answered.

    Raises:
        EndpointError: it is not.

    """
    try:
        reply = asyncio.run(load.once(goal.address, goal.request(body)))
    except (OSError, TimeoutError) as error:
        raise EndpointError(f"{goal.url} does not answer: {error}") from error
    if reply.status != HTTPStatus.OK:
        told = reply.body[:1000].decode(errors="replace")
        raise EndpointError(f"{goal.url} answered {reply.status}: {told}")
    return endpoint.Answer(reply.body, reply.content_type)


def cells(
    goal: Target, source: Rows, *, counts: Sequence[int], clients: Sequence[int], seconds: float
) -> Iterator[load.Cell]:
    """Measure each number of rows with each number of clients."""
    for count in counts:
        bodies = source.batches(count)
        for several in clients:
            cell = load.Cell(count, several)
            # Signed anew for each cell: a signature holds for five minutes.
            requests = [goal.request(body) for body in bodies]
            asyncio.run(load.measure(goal.address, requests, cell, seconds=seconds))
            yield cell
