"""Split timm's networks into stages.

A stage ends where the resolution of the maps falls; networks of one resolution, as vision
transformers, are split into quarters. All between the last blocks and the classifier makes the
features, which the stage before the last gives.
"""

from collections.abc import Container, Iterator
from itertools import pairwise

import torch
from torch import fx, nn

from transfer_core.networks.source_network import Layout, Stage
from transfer_core.networks.timm_modules import list_calls, list_classifiers, trace_model

QUARTERS = 4
MAX_RESOLUTION_RATIO = 0.75  # of output to input; unpadded convolutions lower it less
MIN_SIDE = 2  # of maps, pixels; pooled maps have 1
RESPONDS_TO = ("edges and colours", "shapes and textures", "higher-level features")  # by depth


def split_into_stages(model: nn.Module, image_size: int) -> tuple[Stage, ...]:
    """Split a network into stages.

    Args:
        model: From `timm_modules.build_model`, on the meta device: nothing is computed.
        image_size: Side of the input in pixels.

    Raises:
        ValueError: If the network cannot be cut between its maps and its classifier.
    """
    graph = trace_model(model)
    shapes = _compute_output_shapes(model, graph, image_size)
    classifiers, calls = list_classifiers(model), list_calls(graph)
    places = [index for index, node in enumerate(calls) if _calls_any(node, classifiers)]
    if not places:
        raise ValueError("it has no last layer that could be replaced")
    before = set(calls[: places[0]])
    cuts = [n for n in find_cuts(model, graph) if n in before and 2 <= len(shapes[n]) <= 4]
    maps = [node for node in cuts if _get_side(shapes[node]) >= MIN_SIDE]
    if not maps:
        raise ValueError("several tensors pass between its layers, so it cannot be cut")
    ends = _find_stage_ends(maps, shapes)
    if cuts[-1] is ends[-1]:
        raise ValueError("its classifier works on maps, so it has no layer of features")
    return _describe_stages([*ends, cuts[-1]], shapes)


def find_cuts(model: nn.Module, graph: fx.Graph) -> list[fx.Node]:
    """Return the calls after which the graph can be cut, in order: only their value is used later.

    What depends on weights alone, such as an embedding of positions, is computed again wherever
    it is needed. Weights that are used on both sides forbid a cut.
    """
    calls = list_calls(graph)
    place = {node: index for index, node in enumerate(calls)}
    last_use = {
        node: max((place.get(user, len(calls)) for user in node.users), default=place[node])
        for node in calls
    }
    feed = next(node for node in graph.nodes if node.op == "placeholder")
    last_use[feed] = max(place[user] for user in feed.users)
    spans: dict[str, tuple[int, int]] = {}
    for node in calls:
        for path in set(_iter_weights(model, node, place)):
            spans[path] = spans.get(path, (place[node],))[0], place[node]
    torn = {index for first, last in spans.values() for index in range(first, last)}
    cuts, alive = [], {feed}
    for index, node in enumerate(calls):
        alive = {each for each in alive | {node} if last_use[each] > index}
        if alive == {node} and index not in torn:
            cuts.append(node)
    return cuts


def _iter_weights(model: nn.Module, node: fx.Node, calls: Container[fx.Node]) -> Iterator[str]:
    """Yield the paths of the weights and modules with weights that a call uses."""
    if node.op == "call_module" and any(
        True for _ in model.get_submodule(node.target).parameters()
    ):
        yield node.target
    for each in node.all_input_nodes:
        if each.op == "get_attr":
            owner, _, name = each.target.rpartition(".")
            if name in model.get_submodule(owner)._parameters:
                yield each.target
        elif each.op.startswith("call_") and each not in calls:
            yield from _iter_weights(model, each, calls)


class _ShapeRecorder(fx.Interpreter):
    """Runs a graph and keeps the shape of each tensor, () for what is none."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[str, tuple[int, ...]] = {}

    def fetch_args_kwargs_from_env(self, n: fx.Node):
        args, kwargs = super().fetch_args_kwargs_from_env(n)
        return tuple(list(a) if isinstance(a, list) else a for a in args), kwargs  # some change it

    def run_node(self, n: fx.Node):
        value = super().run_node(n)
        self.shapes[n.name] = tuple(value.shape) if isinstance(value, torch.Tensor) else ()
        return value


@torch.no_grad()
def _compute_output_shapes(
    model: nn.Module, graph: fx.Graph, image_size: int
) -> dict[fx.Node, tuple[int, ...]]:
    """Return the output shape of each call for a batch of one image."""
    recorder = _ShapeRecorder(fx.GraphModule(model, graph))
    recorder.run(torch.zeros(1, 3, image_size, image_size, device="meta"))
    return {node: recorder.shapes[node.name] for node in graph.nodes}


def _calls_any(node: fx.Node, modules: list[str]) -> bool:
    return node.op == "call_module" and any(
        f"{node.target}.".startswith(f"{path}.") or path.startswith(f"{node.target}.")
        for path in modules
    )


def find_layout(shape: tuple[int, ...]) -> Layout:
    """Return how an output of square maps is laid out, given its shape."""
    if len(shape) < 4:
        return "as is"
    if shape[2:] == (1, 1):
        return "one pixel"
    return "channels last" if shape[1] == shape[2] != shape[3] else "as is"


def _get_side(shape: tuple[int, ...]) -> float:
    """Return the side of maps in pixels, of tokens the root of their number, of vectors 0."""
    if len(shape) == 4:
        return shape[2]
    return shape[1] ** 0.5 if len(shape) == 3 else 0


def _find_stage_ends(maps: list[fx.Node], shapes: dict[fx.Node, tuple[int, ...]]) -> list[fx.Node]:
    """Return the calls that end a stage, given all that may."""
    groups = [[maps[0]]]
    for before, here in pairwise(maps):
        if _get_side(shapes[here]) <= MAX_RESOLUTION_RATIO * _get_side(shapes[before]):
            groups.append([])
        groups[-1].append(here)
    rows = [[node for node in group if _is_in_a_row(node)] or group for group in groups]
    if len(rows) <= QUARTERS // 2:
        longest = max(range(len(rows)), key=lambda index: len(rows[index]))
        row = rows[longest]
        ends = sorted(
            {-(-len(row) * quarter // QUARTERS) - 1 for quarter in range(1, QUARTERS + 1)}
        )
        rows[longest : longest + 1] = [[row[end]] for end in ends]
    return [row[-1] for row in rows]


def _is_in_a_row(node: fx.Node) -> bool:
    """Return whether a call is of one of several modules in a row, not of a single one."""
    return node.op == "call_module" and any(p.isdecimal() for p in node.target.split("."))


def _describe_stages(
    ends: list[fx.Node], shapes: dict[fx.Node, tuple[int, ...]]
) -> tuple[Stage, ...]:
    stages, maps = [], len(ends) - 1
    for number, node in enumerate(ends, start=1):
        shape = shapes[node]
        kind = "transformer" if len(shape) == 3 else "convolutional"
        sees = RESPONDS_TO[min(number - 1, maps - 1) * len(RESPONDS_TO) // maps]
        name, title = f"stage{number}", f"Stage {number}"
        if number > maps:
            name, title = "features", "Features"
            sees, kind = "higher-level features, wherever they are", stages[-1].kind
        stages.append(Stage(name, title, kind, sees, end=node.name, layout=find_layout(shape)))
    last = Stage("classifier", "Classifier", "fully connected", "the source classes")
    return (*stages, last)
