"""Every notebook is stored clean, and runs from top to bottom without an error or a warning."""

import importlib.util
import os
import pathlib
import sqlite3
from contextlib import closing

import pytest

nbformat, nbclient = map(pytest.importorskip, ("nbformat", "nbclient"))

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"
LESSONS, EXERCISES = (sorted(FOLDER.glob(each)) for each in ("*.ipynb", "exercises/*.ipynb"))


def each_of(notebooks):
    name = lambda path: str(path.relative_to(FOLDER))  # noqa: E731
    return pytest.mark.parametrize("path", notebooks, ids=name)


def test_there_are_ten_lessons_and_exercises_for_eight():
    numbers = sorted(int(path.name.partition("_")[0]) for path in LESSONS)
    assert numbers == list(range(1, 11))
    assert [path.name[0] for path in EXERCISES] == list("12345678")


@each_of(LESSONS + EXERCISES)
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


@pytest.mark.course
@each_of(LESSONS + EXERCISES[:1])  # the cells of all are run in test_exercises
def test_it_runs_from_top_to_bottom_in_under_45_seconds(path):
    notebook = nbformat.read(path, as_version=4)
    how = {"timeout": 300, "kernel_name": "python3", "record_timing": False}
    there = {"metadata": {"path": str(path.parent)}}
    client = nbclient.NotebookClient(notebook, resources=there, **how)
    before = seconds_of_computing()
    client.execute(env=os.environ | {"PYTHONPATH": str(FOLDER.parent)})
    assert seconds_of_computing() - before < 45
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not said, "".join(said)
    if path in LESSONS and importlib.util.find_spec("jupyter_cache"):
        keep_for_the_site(path, notebook)


def keep_for_the_site(path, notebook):
    """Where the site's build looks before it runs a lesson."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    folder = FOLDER.parent / "build" / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "lock", timeout=60)) as lock:
        lock.execute("begin exclusive")  # the cache breaks where two processes write at once
        bundle = CacheBundleIn(notebook, str(path))
        get_cache(folder).cache_notebook_bundle(bundle, overwrite=True)
