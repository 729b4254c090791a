"""The sonnets that ship with the package, and letters as numbers."""

import re

import numpy as np

from nn.data import sonnets


def test_all_154_sonnets_are_there_and_come_back_from_their_numbers():
    text = sonnets()
    assert len(re.findall(r"^[IVXLC]+$", text.text, flags=re.MULTILINE)) == 154
    assert text.text.endswith("water cools not love.\n")
    assert text.decode(text.numbers) == text.text
    np.testing.assert_array_equal(np.unique(text.numbers), np.arange(len(text.letters)))
    assert list(text.letters) == sorted(set(text.text))
