"""A PDF of a picture that Graphviz has laid out, with the fonts that every reader of PDF has."""

from __future__ import annotations

import itertools
import json
import unicodedata
import zlib
from collections.abc import Iterator
from typing import Any

_FONTS = {"T": "Helvetica", "B": "Helvetica-Bold", "N": "Courier", "S": "Symbol"}
_LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_HIGH = str.maketrans("⁰⁴⁵⁶⁷⁸⁹⁻ᵀ", "0456789-T")
_SYMBOLS = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ∂∑∏√−≤≥≠≈∞→←↑↓∇∫∈∗⋅",
        "abgdezhqiklmnxoprstufcywABGDEZHQIKLMNXOPRSTUFCYW"
        "\xb6\xe5\xd5\xd6\x2d\xa3\xb3\xb9\xbb\xa5\xae\xac\xad\xaf\xd1\xf2\xce\x2a\xd7",
        strict=True,
    )
)


def pdf_of(layout: bytes) -> bytes:
    """The PDF of a layout in Graphviz's JSON."""
    graph = json.loads(layout)
    left, bottom, right, top = map(float, graph["bb"].split(","))
    margin = 72 * float(graph.get("pad", 0.05))
    width, height = right - left + 2 * margin, top - bottom + 2 * margin
    parts = [graph, *graph.get("objects", ()), *graph.get("edges", ())]
    page = graph.get("bgcolor", "#ffffff")
    content = [f"{_colour(page)} rg 0 0 {width:.2f} {height:.2f} re f"]
    content.append(f"1 0 0 1 {margin - left:.2f} {margin - bottom:.2f} cm 1 j")
    for part in parts:
        for key in ("_draw_", "_ldraw_", "_hdraw_", "_tdraw_"):
            content.extend(_painted(part.get(key, ())))
    return _file(width, height, "\n".join(content))


def _painted(strokes: Any) -> Iterator[str]:
    """Graphviz's drawing operations as those of PDF."""
    size, face, bold, pen = 10.0, "", False, "#000000"
    yield "q"
    for stroke in strokes:
        kind = stroke["op"]
        if kind in "cC" and "color" in stroke:
            pen = stroke["color"] if kind == "c" else pen
            yield f"{_colour(stroke['color'])} {'RG' if kind == 'c' else 'rg'}"
        elif kind == "S":
            yield _line_style(stroke["style"])
        elif kind in "Pp":
            yield f"{_path(stroke['points'], 'l', 1)} {'b' if kind == 'P' else 's'}"
        elif kind == "L":
            yield f"{_path(stroke['points'], 'l', 1)} S"
        elif kind in "bB":
            yield f"{_path(stroke['points'], 'c', 3)} {'b' if kind == 'B' else 'S'}"
        elif kind in "eE":
            yield f"{_ellipse(*stroke['rect'])} {'b' if kind == 'E' else 's'}"
        elif kind == "F":
            size, face = stroke["size"], stroke["face"]
        elif kind == "t":
            bold = bool(stroke["fontchar"] & 1)
        elif kind == "T":
            font = "N" if face.startswith("Courier") else "B" if bold else "T"
            yield _text(stroke, font, size, pen)
    yield "Q"


def _colour(color: str) -> str:
    """The colour as three numbers from 0 to 1."""
    digits = color.lstrip("#")
    if len(digits) not in (6, 8) or not color.startswith("#"):
        return "1 1 1" if color == "white" else "0 0 0"
    return " ".join(f"{int(digits[i : i + 2], 16) / 255:.3f}" for i in (0, 2, 4))


def _line_style(style: str) -> str:
    if style.startswith("setlinewidth("):
        return f"{float(style[13:-1]):.2f} w"
    return {"dashed": "[5 2] 0 d", "dotted": "[1 2] 0 d", "solid": "[] 0 d"}.get(style, "")


def _path(points: Any, operator: str, each: int) -> str:
    (x, y), *others = points
    path = [f"{x:.2f} {y:.2f} m"]
    for i in range(0, len(others), each):
        numbers = " ".join(f"{x:.2f} {y:.2f}" for x, y in others[i : i + each])
        path.append(f"{numbers} {operator}")
    return " ".join(path)


def _ellipse(x: float, y: float, a: float, b: float) -> str:
    p, q = 0.5523 * a, 0.5523 * b  # where the handles of a quarter are
    points = [
        (x + a, y), (x + a, y + q), (x + p, y + b), (x, y + b), (x - p, y + b), (x - a, y + q),
        (x - a, y), (x - a, y - q), (x - p, y - b), (x, y - b), (x + p, y - b), (x + a, y - q),
        (x + a, y),
    ]  # fmt: skip
    return _path(points, "c", 3)


def _text(stroke: Any, font: str, size: float, pen: str) -> str:
    x, y = stroke["pt"]
    x -= {"l": 0.0, "c": 0.5, "r": 1.0}[stroke["align"]] * stroke["width"]
    shown = []
    alike = itertools.groupby(_letters(stroke["text"], font), key=lambda letter: letter[1:])
    for (name, share, rise), letters in alike:
        code = "".join(code for code, *_ in letters).encode("latin-1").hex()
        shown.append(f"/{name} {size * share:.2f} Tf {size * rise:.2f} Ts <{code}> Tj")
    return f"BT {_colour(pen)} rg 1 0 0 1 {x:.2f} {y:.2f} Tm {' '.join(shown)} ET"


def _letters(text: str, font: str) -> Iterator[tuple[str, str, float, float]]:
    """The text in letters that the fonts have: the code, the font, how large, how far raised."""
    for letter in text.replace("\xa0", " "):
        if letter in _SYMBOLS:
            yield _SYMBOLS[letter], "S", 1, 0
        elif (low := letter.translate(_LOW)) != letter:
            yield low, font, 0.65, -0.15
        elif (high := letter.translate(_HIGH)) != letter:
            yield high, font, 0.65, 0.35
        else:
            for part in letter if _known(letter) else unicodedata.normalize("NFD", letter):
                accent = {"\u0302": "ˆ", "\u0303": "˜", "\u0304": "¯"}.get(part, part)
                yield accent.encode("cp1252", "replace").decode("latin-1"), font, 1, 0


def _known(letter: str) -> bool:
    return bool(letter.encode("cp1252", "ignore"))


def _file(width: float, height: float, content: str) -> bytes:
    stream = zlib.compress(content.encode("ascii"))
    fonts = "".join(
        f"/{key} << /Type /Font /Subtype /Type1 /BaseFont /{name} "
        + ("" if key == "S" else "/Encoding /WinAnsiEncoding ")
        + ">> "
        for key, name in _FONTS.items()
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] "
            f"/Contents 4 0 R /Resources << /Font << {fonts}>> >> >>"
        ).encode(),
        f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
        + stream
        + b"\nendstream",
    ]
    file, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(file))
        file += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return file + f"{end}startxref\n{len(file)}\n%%EOF\n".encode()
