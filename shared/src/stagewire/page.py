"""The page `/docs`: Swagger UI where a browser can load it, and what there is to say without it where none can."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from fastapi.openapi.docs import get_swagger_ui_html

if TYPE_CHECKING:
    from collections.abc import Mapping

# Swagger UI, which is loaded from afar, puts itself in the place of what stands in here.
_PLACE = '<div id="swagger-ui">'


def page(described: Mapping[str, Any]) -> str:
    """Write the page of an OpenAPI document."""
    title = described["info"]["title"]
    found = get_swagger_ui_html(
        openapi_url="/openapi.json", title=title, swagger_favicon_url="data:,"
    )
    html = bytes(found.body).decode()
    return html.replace(_PLACE, f"{_PLACE}\n{_plain(described)}", 1)


def _plain(described: Mapping[str, Any]) -> str:
    """Say what there is, in HTML of its own."""
    lines = [f"<h1>{escape(described['info']['title'])}</h1>", "<dl>"]
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            lines.append(f"<dt><code>{method.upper()} {escape(path)}</code></dt>")
            lines.append(f"<dd>{escape(told['summary'])}</dd>")
    lines.append("</dl>")
    content = described["paths"]["/invocations"]["post"]["requestBody"]["content"]
    examples = [(kind, each["example"]) for kind, each in content.items() if "example" in each]
    for kind, example in examples[:1]:
        lines.append(f"<p>For instance, as <code>{escape(kind)}</code>:</p>")
        lines.append(f"<pre>{escape(str(example))}</pre>")
    lines.append(
        "<p>All of it: <a href='/openapi.json'>/openapi.json</a>, which is OpenAPI 3.1.</p>"
    )
    return "\n".join(lines)
