"""Every notebook is stored clean, and runs from top to bottom without an error or a warning."""

import os
import pathlib

import pytest

nbformat, nbclient = map(pytest.importorskip, ("nbformat", "nbclient"))

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted([*FOLDER.glob("*.ipynb"), *FOLDER.glob("exercises/*.ipynb")])

each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: str(path.relative_to(FOLDER))
)


def test_there_are_ten_lessons_and_exercises_for_eight():
    lessons = [path for path in NOTEBOOKS if path.parent == FOLDER]
    numbers = sorted(int(path.name.partition("_")[0]) for path in lessons)
    assert numbers == list(range(1, 11))
    assert [path.name[0] for path in NOTEBOOKS if path not in lessons] == list("12345678")


@each_notebook
def test_it_is_stored_without_what_changes_at_each_run(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


def seconds_of_computing():
    """What the processes that this one started have computed, once they have ended."""
    times = os.times()
    return times.children_user + times.children_system


@each_notebook
def test_it_runs_from_top_to_bottom_in_under_45_seconds(path):
    notebook = nbformat.read(path, as_version=4)
    there = {"metadata": {"path": str(path.parent)}}
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=there)
    before = seconds_of_computing()
    client.execute(env=os.environ | {"PYTHONPATH": str(FOLDER.parent)})
    assert seconds_of_computing() - before < 45
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not said, "".join(said)
