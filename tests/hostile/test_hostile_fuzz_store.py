"""Seeded mutations of bundles, weights, settings and stored files: none is a crash.

`python -m benchmarks.fuzz_store --count 100000` tries more of them.
"""

import pytest

from benchmarks.fuzz_store import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_a_mutation_is_refused_in_words_or_read_rightly(target, made, monkeypatch):
    home, run_id, _bundle = made
    tally = TARGETS[target](home, run_id, 1_000, seed=0)
    assert tally.crashes == []
    assert tally.refused + tally.read == 1_000 and tally.slowest < 5
