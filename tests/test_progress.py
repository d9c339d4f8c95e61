"""Progress bars for long work: what is told once is seen at once."""

import streamlit as st

from pages.shared.progress import show_progress


def record_bars(monkeypatch) -> list[str]:
    told = []

    class Placeholder:
        def progress(self, share, text):
            told.append(text)

        def empty(self):
            pass

    monkeypatch.setattr(st, "empty", Placeholder)
    return told


def test_work_that_is_told_once_before_it_takes_long_is_seen_at_once(monkeypatch):
    told = record_bars(monkeypatch)
    with show_progress() as report:
        report("Decoding images", 0, 1_000)
        report("Writing the ONNX file", 0, 1)
        assert told == ["Decoding images: 0 of 1,000", "Writing the ONNX file"]


def test_the_same_work_is_drawn_ten_times_a_second(monkeypatch):
    told, now = record_bars(monkeypatch), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with show_progress() as report:
        for done in range(100):
            report("Decoding images", done, 100)
            now[0] += 0.01
    assert 8 <= len(told) <= 11
