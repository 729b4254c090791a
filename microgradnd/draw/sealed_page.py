"""A page in one HTML file that can do nothing but run its own script on its own data.

Its policy admits no image but those that are written out in the page itself (data:).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any


def sealed_page(body: str, *, title: str, style: str, script: str, data: Any) -> str:
    """The page as HTML, with only this style and this script.

    Whatever comes from a user goes into the title, which is plain text, or into the data, which the
    script reads as JSON. In the body {{title}} stands for the title.

    >>> page = sealed_page("{{title}}!", title="1 < 2", style="", script="", data=["</script>"])
    >>> [line for line in page.splitlines() if "1 &lt; 2" in line or "003c" in line][1:]
    ['1 &lt; 2!', '<script id="data" type="application/json">["\\\\u003c/script>"]</script>']
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<\u2028\u2029":  # so nothing in it ends its element
        text = text.replace(character, f"\\u{ord(character):04x}")
    hashes = (hashlib.sha256(content.encode()).digest() for content in (style, script))
    of_style, of_script = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    fillings = {
        "title": html.escape(title),
        "policy": (
            f"default-src 'none'; style-src {of_style}; script-src {of_script}; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "data": text,
        "script": script,
    }
    frame = resources.files(__package__).joinpath("web", "sealed_page.html").read_text("utf-8")
    template = frame.replace("{{body}}", body.rstrip("\n"))
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fillings[found[1]], template)


def json_numbers(values: Iterable[Any], digits: int = 0) -> list[Any]:
    """Returns numbers as JSON has them, with few digits or (0) all; what JSON has not, as text."""

    def number(value: Any) -> Any:
        if isinstance(value, float) and math.isfinite(value):
            return float(f"{value:.{digits}g}") if digits else value
        return value if value is None or isinstance(value, bool | int) else str(value)

    return list(map(number, values))
