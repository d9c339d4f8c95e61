"""What became of each kill: rows that are kept in a file, and a table of them by phase."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, and what it left."""

    phase: str
    target: str  # what was killed
    after: float  # seconds from the beginning of the work
    ending: str  # of the work: "finished before", "went on by itself" or "plainly marked"
    is_equal: bool  # what came of it in the end, to the work that nobody killed
    lost: int = 0  # things that were finished earlier, and are gone or changed
    is_database_whole: bool = True
    faults: list[str] = field(default_factory=list)


@dataclass
class Tally:
    """All kills so far.

    Args:
        file: Keeps them, a line each; what is in it already counts too.
    """

    file: Path | None = None
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            self.kills += [Kill(**json.loads(line)) for line in self.file.read_text().splitlines()]

    def add(self, kill: Kill) -> None:
        """Keep one more."""
        self.kills.append(kill)
        if self.file:
            with self.file.open("a") as file:
                file.write(json.dumps(asdict(kill)) + "\n")

    @property
    def faults(self) -> list[str]:
        """Everything that should not be."""
        return [fault for kill in self.kills for fault in kill.faults]

    def count_endings(self) -> Counter:
        """How often the work ended in each way."""
        return Counter(kill.ending for kill in self.kills)

    def make_table(self) -> str:
        """A line for each phase, as Markdown."""
        heads = ("phase", "kills", "finished before", "went on by itself", "plainly marked")
        heads += ("finished lost", "database intact", "equal to uninterrupted")
        rows = [heads, ("---", *["---:"] * (len(heads) - 1))]
        for phase in dict.fromkeys(kill.phase for kill in self.kills):
            rows.append(_count(phase, [kill for kill in self.kills if kill.phase == phase]))
        rows.append(_count("all", self.kills))
        return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _count(name: str, kills: list[Kill]) -> tuple[object, ...]:
    endings = Counter(kill.ending for kill in kills)
    ways = ("finished before", "went on by itself", "plainly marked")
    return (
        name,
        len(kills),
        *(endings[way] for way in ways),
        sum(kill.lost for kill in kills),
        sum(kill.is_database_whole for kill in kills),
        sum(kill.is_equal for kill in kills),
    )
