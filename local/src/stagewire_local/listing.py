"""The filters, the order and the pages that all List operations of the control plane have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stagewire_local.faults import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = 10  # the platform's default of MaxResults
ORDERS = {"Name": "name", "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime"}


def listed(
    rows: Sequence[Mapping[str, Any]], request: Mapping[str, Any], *, noun: str, name: str
) -> dict[str, Any]:
    """Return one page of summaries under `noun`; `name` is the member that holds a row's name.

    Newest first, unless asked otherwise. Raises ValidationException for a token that is not ours.
    """
    chosen = [row for row in rows if passes(row, request, name=name)]
    by = ORDERS.get(request.get("SortBy", "CreationTime"), "CreationTime")
    member = name if by == "name" else by
    chosen.sort(key=lambda row: row[member], reverse=request.get("SortOrder") != "Ascending")
    token = request.get("NextToken", "0")
    if not (token.isascii() and token.isdecimal()):
        raise ValidationException("The NextToken is not one that this operation returned.")
    begin = int(token)
    end = begin + request.get("MaxResults", PAGE)
    page: dict[str, Any] = {noun: chosen[begin:end]}
    if end < len(chosen):
        page["NextToken"] = str(end)
    return page


def passes(row: Mapping[str, Any], request: Mapping[str, Any], *, name: str) -> bool:
    """Tell whether a row passes the filters."""
    if request.get("NameContains", "").lower() not in row[name].lower():
        return False
    if request.get("StatusEquals") not in {None, row.get("EndpointStatus")}:
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        before, after = request.get(f"{member}Before"), request.get(f"{member}After")
        if before is not None and row[member] >= moment(before):
            return False
        if after is not None and row[member] <= moment(after):
            return False
    return True


def moment(value: float | str) -> datetime:
    """Read a timestamp of a request: seconds since 1970, or ISO 8601."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return datetime.fromtimestamp(value, UTC)
