"""The page docs/layer_transfer.md: tables, figures and what was found, from measured points."""

from collections.abc import Sequence
from math import hypot
from pathlib import Path

from transfer_core.figures import tabulate_layer_transfer
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import Arm, LayerTransferPoint, list_arms, summarise_points

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 330, 48, 16, 220, 48  # pixels
COLOURS = ("#2a78b5", "#12876a", "#a8558a", "#d1720a", "#7a7f87", "#b5352a", "#5b4fa0")
DASHES = ("", "", "2 3", "7 4", "7 4", "7 2 2 2", "7 2 2 2")
CERTAIN = 2.0  # standard errors by which a difference is called more than chance
INTRODUCTION = """\
# How transferable are the layers?

The experiment of Yosinski et al. 2014 on two image sets that differ much, with the demonstration
network. Layers up to a cut come from the pre-trained network or are random; they are frozen or
trained on; all layers above the cut, and the new layer, begin with random weights. Two controls cut
a network from itself: the pre-trained one on its own kind of images, new individuals of ten species
of plankton that it learned from ("source images"), and one that was trained on the new images first
("its own layers"). The page Layers runs the same on your images, with the first control for the
demonstration network and the second for others.

```
{command}
```

Each point: about 300 images, three fifths to train on, the others held back (near-duplicates stay
together), 15 epochs, no early stopping, one setting for all. The accuracy is that of the last epoch
on the held-back images: of one seed, or the mean over {seeds} with its standard error (a seed draws
the split and the random weights); two or three seeds tell little of the error. Test
images were not used.
"""
ORIGINAL = """\
## What the original experiment found

Yosinski, Clune, Bengio and Lipson 2014, "How transferable are features in deep neural networks?",
with eight layers and two halves of ImageNet of 500 classes each:

- Kept and frozen, the first two layers transfer without loss; then the accuracy falls with depth.
- The control on the network's own task falls at the middle layers, because layers that learned to
  work together are parted, and recovers at the top. At the top the fall of the transferred network
  comes from layers that belong to the old task.
- Kept and trained on, nothing falls: at every cut it is better than training from random weights.
- The less alike the tasks, the deeper the fall. Layers from a distant task can still be better than
  random ones; with random, frozen layers the accuracy is near chance from the third layer on.

Two things differ here. The new set is small, as a person's own set is, so layers above an early cut
have little to learn from; there were 645,000 images then. And the network learned from more images
than the control shows it, so the control cannot win back all that it had.
"""


def write_report(
    source: SourceNetwork, results: dict[str, list[LayerTransferPoint]], page: Path
) -> None:
    """Write the page and its figures.

    Args:
        source: The network.
        results: Points by archive; those of the control under "control".
        page: The Markdown file; the figures go to the folder "images" beside it.
    """
    archives = [name for name in results if name != "control"]
    seeds = {point.seed for points in results.values() for point in points}
    command = f"python -m benchmarks.layer_transfer {' '.join(f'{each}.zip' for each in archives)}"
    word = f"up to {max(2, len(seeds))}"
    parts = [INTRODUCTION.format(command=command, seeds=word)]
    for name in archives:
        points = (*results[name], *results.get("control", ()))
        figure = page.parent / "images" / f"layer_transfer_{name}.svg"
        figure.write_text(draw_figure(source, points), encoding="utf-8")
        findings = "\n".join(f"- {each}" for each in list_findings(source, points))
        parts.append(
            f"## {name}\n\n![Accuracy by the layers kept](images/{figure.name})\n\n"
            f"{write_table(source, points)}\n\nDoes it show what they found?\n\n{findings}\n"
        )
    page.write_text("\n".join([*parts, ORIGINAL]), encoding="utf-8")


def write_table(source: SourceNetwork, points: Sequence[LayerTransferPoint]) -> str:
    """The accuracies as a Markdown table, in percent."""
    rows = tabulate_layer_transfer(source, list_all_arms(source), tuple(points))
    names = list({name: None for row in rows for name in row})
    lines = [names, ["---"] * len(names), *([row.get(name, "") for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def list_findings(source: SourceNetwork, points: Sequence[LayerTransferPoint]) -> list[str]:
    """Say of each finding of the original whether these points show it."""
    titles = [stage.title for stage in source.stages[:-1]]
    frozen, tuned, random, *controls = (
        {cut: (mean, error) for cut, mean, error, _ in summarise_points(tuple(points), arm)}
        for arm in list_all_arms(source)
    )
    found = []
    if len(frozen) > 2:
        best = max(list(frozen)[1:], key=lambda cut: frozen[cut][0])
        last = max(frozen)
        fall = judge(frozen[best], frozen[last])
        found.append(
            f"Kept and frozen: highest with everything through {titles[best - 1]} kept; with all "
            f"through {titles[last - 1]} {fall}."
        )
    if 0 in tuned and len(tuned) > 1:
        better = sum(tuned[cut][0] > tuned[0][0] for cut in tuned if cut)
        found.append(
            f"Kept and trained on: a higher mean than random weights at {better} of "
            f"{len(tuned) - 1} cuts."
        )
    both = [cut for cut in frozen if cut and cut in random]
    if both:
        better = sum(frozen[cut][0] > random[cut][0] for cut in both)
        found.append(
            f"Both frozen, kept layers have a higher mean than random ones at {better} of "
            f"{len(both)} cuts."
        )
    known, itself = controls[0], controls[2]  # the frozen ones
    if len(known) > 3:
        lowest, last = find_lowest(known), max(known)
        rise = judge(known[lowest], known[last])
        found.append(
            f"Control, source images: lowest with everything through {titles[lowest - 1]} kept; "
            f"with all through {titles[last - 1]} {rise}."
        )
    if len(itself) > 3:
        lowest = find_lowest(itself)
        found.append(
            f"Control, its own layers: lowest with everything through {titles[lowest - 1]} kept; "
            f"beside the network that was trained whole it {judge(itself[0], itself[lowest])}."
        )
    return found


def list_all_arms(source: SourceNetwork) -> tuple[Arm, ...]:
    """All curves, with both controls."""
    return list_arms(source, both_controls=True)


def find_lowest(accuracies: dict[int, tuple[float, float]]) -> int:
    """The cut with the lowest mean, the whole network left out."""
    return min((cut for cut in accuracies if cut), key=lambda cut: accuracies[cut][0])


def judge(first: tuple[float, float], second: tuple[float, float]) -> str:
    """Say how a second mean differs from a first; each with its standard error."""
    difference, error = 100 * (first[0] - second[0]), 100 * hypot(first[1], second[1])
    sure = error and abs(difference) > CERTAIN * error
    chance = "" if sure else ", no more than chance may do" if error else " (one seed)"
    return f"is {abs(difference):.1f} points {'lower' if difference >= 0 else 'higher'}{chance}"


def draw_figure(source: SourceNetwork, points: Sequence[LayerTransferPoint]) -> str:
    """The figure as SVG, readable on light and dark pages."""
    titles = ["none", *(stage.title for stage in source.stages[:-1])]
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(cut: float, share: float) -> tuple[float, float]:
        return LEFT + across * cut / (len(titles) - 1), TOP + down * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = place(0, share)[1]
        parts.append(f'<path d="M{LEFT} {y}h{across}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    for cut, title in enumerate(titles):
        x = place(cut, 0)[0]
        short = title.replace("Convolution", "Conv").replace("Fully connected", "FC")
        parts.append(f'<text x="{x}" y="{HEIGHT - 28}" text-anchor="middle">{short}</text>')
    middle = LEFT + across / 2
    label = "layers kept, up to and with"
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>')
    for number, arm in enumerate(list_all_arms(source)):
        parts += _draw_arm(number, arm, tuple(points), place)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw_arm(number: int, arm: Arm, points: tuple[LayerTransferPoint, ...], place) -> list[str]:
    """A line with error bars, and its name at the right."""
    colour, dash, rows = COLOURS[number], DASHES[number], summarise_points(points, arm)
    at = [place(cut, mean) for cut, mean, _, _ in rows]
    style = f'stroke="{colour}" stroke-width="2" fill="none"'
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [f'<polyline points="{line}" {style} stroke-dasharray="{dash}"/>']
    for cut, mean, error, _ in rows:
        (x, low), (_, high) = place(cut, mean - error), place(cut, mean + error)
        parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{colour}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{place(cut, mean)[1]:.1f}" r="3" fill="{colour}"/>')
    kept = {"pretrained": "kept", "random": "random", "self": "its own"}[arm.initialise]
    words = f"{kept}, " if arm.images == "own" else "source, "
    if arm.images == "source" or arm.initialise == "self":
        words = f"control: {words}"
    words += "frozen" if arm.frozen else "trained on"
    y, x = TOP + 20 + 22 * number, WIDTH - RIGHT + 24
    parts.append(f'<path d="M{x} {y - 4}h26" {style} stroke-dasharray="{dash}"/>')
    parts.append(f'<text x="{x + 34}" y="{y}">{words}</text>')
    return parts
