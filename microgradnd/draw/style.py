"""The colours of a picture. They differ for all kinds of colour vision, and in print."""

from __future__ import annotations

from ..paths.notation import columns

Colours = dict[str, str]  # by the part they play

# Hues after Okabe and Ito, light and dark. Nothing is shown by colour alone: parameters, inputs and
# constants are named as such, paths are numbered, gradients and local derivatives are written out.
_COLOURS = {
    "page": ("#ffffff", "#16191d"),
    "text": ("#1f2328", "#e6e9ed"),
    "faint": ("#656c76", "#9aa4af"),  # what kind, what shape
    "line": ("#8c959f", "#7d8792"),
    "dim": ("#cdd2d8", "#3d444c"),
    "gradient": ("#a8430a", "#f0a173"),
    "derivative": ("#8a3f73", "#dd9cc6"),
    "operation": ("#fdfdfe", "#22272d"),
    "operation_line": ("#9aa3ad", "#66707b"),
    "head": ("#e3f4ee", "#12362c"),
    "head_line": ("#00906a", "#2fb78e"),
    "parameter": ("#fff3d9", "#3b2f14"),
    "parameter_line": ("#d08a00", "#d99a1f"),
    "input": ("#e4f2fb", "#15303f"),
    "input_line": ("#3a9bd4", "#56b4e9"),
    "constant": ("#f2f3f5", "#2a2e33"),
    "constant_line": ("#adb4bc", "#6a727b"),
    "box": ("#eceff3", "#2c333b"),
    "box_line": ("#6f7985", "#8d97a2"),
    "frame": ("#f7f8fa", "#1b1f24"),
    "frame_line": ("#c3c9d0", "#454d56"),
    "bar": ("#7f95aa", "#8aa3bb"),
    "gradient_bar": ("#cf7f52", "#d98a5c"),
    "asked": ("#0061a3", "#5db8f0"),
    "path1": ("#0071b1", "#4ba8e8"),
    "path2": ("#d45d00", "#ff8b3d"),
    "path3": ("#009d72", "#2fc99b"),
    "path4": ("#b9608f", "#e38fbd"),
    "path5": ("#946200", "#d8a23a"),
    "path6": ("#4a4e54", "#b4bac1"),
}
LIGHT: Colours = {part: light for part, (light, _) in _COLOURS.items()}
DARK: Colours = {part: dark for part, (_, dark) in _COLOURS.items()}

PATHS = [part for part in _COLOURS if part.startswith("path")]
TEXT_FONT, NUMBER_FONT = "Arial", "Courier New"  # what every Graphviz knows the widths of

# What a browser looks for instead, and finds.
FONTS = {
    TEXT_FONT: "Arial, 'Liberation Sans', Helvetica, sans-serif",
    NUMBER_FONT: "'Courier New', 'Liberation Mono', Menlo, 'DejaVu Sans Mono', monospace",
}

# The widths of characters, in thousandths of the size; bold ones are a little wider.
_WIDTHS = {
    222: "'ijl", 278: " \xa0!,./:;I[\\]ft·|", 333: '()-`r{}"²³¹', 389: "*^₀₁₂₃₄₅₆₇₈₉⁰⁴⁵⁶⁷⁸⁹⁻",
    500: "Jcksvxyz∂", 556: "#$0123456789?L_abdeghnopqu±√≠≤≥", 584: "+<=>~−×", 611: "FTZΣσ",
    667: "&ABEKPSVXY", 722: "CDHNRUwΠ", 778: "GOQ", 833: "Mm", 889: "%", 944: "W", 1000: "@…→",
}  # fmt: skip
WIDTH_OF = {character: width for width, found in _WIDTHS.items() for character in found}


def text_width(text: str, size: float, font: str = TEXT_FONT, bold: bool = False) -> float:
    """How wide a text is in a font, which no renderer needs to have."""
    if font == NUMBER_FONT:
        return 0.6 * size * len(text)
    widths = (WIDTH_OF.get(c, 600 * bool(columns(c))) for c in text)  # accents take no room
    return sum(widths) / 1000 * size * (1.06 if bold else 1)
