"""The Flesch-Kincaid grade of a text, with syllables counted by the runs of vowels in a word."""

import re

VOWELS = re.compile(r"[aeiouy]+")
WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")


def count_syllables(word: str) -> int:
    """Count the syllables of an English word; a silent "e" at its end is none."""
    word = word.lower()
    count = len(VOWELS.findall(word))
    is_silent = re.search(r"[^aeiouyl]e$|[^aeiouydt]ed$|[^aeiouysxzc]es$|[aeiouy]le$", word)
    return max(1, count - bool(is_silent))


def compute_grade(text: str) -> float:
    """0.39 words per sentence + 11.8 syllables per word - 15.59 (Kincaid et al. 1975)."""
    sentences = [each for each in re.split(r"[.!?](?:\s|$)|\n\n|\n(?=[-|])", text)]
    counted = [words for each in sentences if (words := WORD.findall(each))]
    words = [word for sentence in counted for word in sentence]
    syllables = sum(map(count_syllables, words))
    return 0.39 * len(words) / len(counted) + 11.8 * syllables / len(words) - 15.59
