"""One picture of each lesson, for README and site: runs the notebooks and takes them from there.

python notebooks/pictures/lessons.py
"""

import base64
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
IMAGES = {"image/svg+xml", "image/png"}
CELLS = {  # each lesson, and the cell that shows its picture
    "1_the_chain_rule": "chain-31",
    "2_perceptrons_to_networks": "perceptrons-21",
    "3_backpropagation_by_hand": "backprop-40",
    "4_reading_digits": "digits-29",
    "5_overfitting_and_its_cures": "cures-33",
    "6_gradient_descent": "descent-22",
    "7_your_own_network": "network-43",
    "8_beyond_gradients": "beyond-21",
    "9_the_slides_checked": "verdicts",
    "10_a_small_gpt": "gpt-28",
}


def main() -> None:
    """Run every lesson, and write its picture as an SVG or a PNG."""
    for lesson, cell in CELLS.items():
        notebook = nbformat.read(HERE.parent / f"{lesson}.ipynb", as_version=4)
        there = {"metadata": {"path": str(HERE.parent)}}
        NotebookClient(notebook, timeout=600, resources=there).execute()
        outputs = next(each.outputs for each in notebook.cells if each.id == cell)
        shown = next(o.data for o in outputs if IMAGES & {*o.get("data", ())})
        name = HERE / f"lesson{lesson.partition('_')[0]}"
        if "image/svg+xml" in shown:
            name.with_suffix(".svg").write_text(shown["image/svg+xml"], encoding="utf-8")
        else:
            name.with_suffix(".png").write_bytes(base64.b64decode(shown["image/png"]))


if __name__ == "__main__":
    main()
