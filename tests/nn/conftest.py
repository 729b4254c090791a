"""Fixtures for the tests of the main job."""

import os
import pathlib

import pytest

import nn.__main__


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    """With the shipped data at hand."""
    from tests.nn.job import SHIPPED

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nn.data, "digits", lambda: SHIPPED)


@pytest.fixture
def without_pictures(monkeypatch):
    """They take most of the time of a tiny run."""
    monkeypatch.setattr(nn.__main__, "PICTURES", {})


@pytest.fixture
def environment(monkeypatch):
    """For processes of their own: where the packages are, wherever the process is."""
    here = pathlib.Path(nn.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")]))
