"""The colours of a picture. They differ for all kinds of colour vision, and in print."""

from __future__ import annotations

# Hues after Okabe and Ito. Nothing is told by colour alone: parameters, inputs and constants say
# what they are, paths are numbered, and gradients and local derivatives are written as such.

Colours = dict[str, str]  # by the part they play

LIGHT: Colours = {
    "page": "#ffffff",
    "text": "#1f2328",
    "faint": "#656c76",  # what kind, what shape
    "line": "#8c959f",
    "dim": "#cdd2d8",
    "gradient": "#a8430a",
    "derivative": "#8a3f73",
    "operation": "#fdfdfe",
    "operation_line": "#9aa3ad",
    "head": "#e3f4ee",
    "head_line": "#00906a",
    "parameter": "#fff3d9",
    "parameter_line": "#d08a00",
    "input": "#e4f2fb",
    "input_line": "#3a9bd4",
    "constant": "#f2f3f5",
    "constant_line": "#adb4bc",
    "box": "#eceff3",
    "box_line": "#6f7985",
    "frame": "#f7f8fa",
    "frame_line": "#c3c9d0",
    "bar": "#7f95aa",
    "gradient_bar": "#cf7f52",
    "asked": "#0061a3",
    "path1": "#0071b1",
    "path2": "#d45d00",
    "path3": "#009d72",
    "path4": "#b9608f",
    "path5": "#946200",
    "path6": "#4a4e54",
}

DARK: Colours = {
    "page": "#16191d",
    "text": "#e6e9ed",
    "faint": "#9aa4af",
    "line": "#7d8792",
    "dim": "#3d444c",
    "gradient": "#f0a173",
    "derivative": "#dd9cc6",
    "operation": "#22272d",
    "operation_line": "#66707b",
    "head": "#12362c",
    "head_line": "#2fb78e",
    "parameter": "#3b2f14",
    "parameter_line": "#d99a1f",
    "input": "#15303f",
    "input_line": "#56b4e9",
    "constant": "#2a2e33",
    "constant_line": "#6a727b",
    "box": "#2c333b",
    "box_line": "#8d97a2",
    "frame": "#1b1f24",
    "frame_line": "#454d56",
    "bar": "#8aa3bb",
    "gradient_bar": "#d98a5c",
    "asked": "#5db8f0",
    "path1": "#4ba8e8",
    "path2": "#ff8b3d",
    "path3": "#2fc99b",
    "path4": "#e38fbd",
    "path5": "#d8a23a",
    "path6": "#b4bac1",
}

PATHS = ["path1", "path2", "path3", "path4", "path5", "path6"]
TEXT_FONT, NUMBER_FONT = "Arial", "Courier New"  # what every Graphviz knows the widths of

# What a browser looks for instead, and finds; and the width of their 0, to which it fits what it
# has found, or texts would outgrow their boxes.
FONTS = {
    TEXT_FONT: ("Arial, 'Liberation Sans', Helvetica, sans-serif", 0.556),
    NUMBER_FONT: ("'Courier New', 'Liberation Mono', Menlo, 'DejaVu Sans Mono', monospace", 0.6),
}
