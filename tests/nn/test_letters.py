"""The sonnets that ship with the package, and letters as numbers."""

import re

import numpy as np
import pytest

from nn.data import Text, sonnets


def test_all_154_sonnets_are_there_and_come_back_from_their_numbers():
    text = sonnets()
    assert len(re.findall(r"^[IVXLC]+$", text.text, flags=re.MULTILINE)) == 154
    assert text.text.endswith("water cools not love.\n")
    assert text.decode(text.numbers) == text.text
    np.testing.assert_array_equal(np.unique(text.numbers), np.arange(len(text.letters)))
    assert list(text.letters) == sorted(set(text.text))


def test_a_letter_that_does_not_occur_is_named():
    with pytest.raises(ValueError, match=r"expected letters among ' beot', got 'x'"):
        Text("to be").encode("box")
