"""timm's networks, each cut into stages that keep the paths of its modules.

Tracing a network gives the graph of its calls. It can be cut wherever one tensor alone passes
from the calls before to the calls after.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import timm
from timm.layers import get_notrace_functions
from torch import fx, nn
from torch.nn import functional

_tracing = threading.Lock()  # torch's tracer changes `nn.Module` while it works


def build_model(architecture: str, num_classes: int, image_size: int) -> nn.Module:
    """Build timm's own network, with timm's random weights.

    Args:
        architecture: A name of `timm.list_pretrained`.
        num_classes: Number of outputs C of the last layer.
        image_size: Side of its input in pixels; only networks with weights for positions need it.
    """
    options: dict[str, object] = {"num_classes": num_classes, "exportable": True}
    if timm.get_pretrained_cfg(architecture).fixed_input_size:
        options["img_size"] = image_size
    model = timm.create_model(architecture, pretrained=False, **options)
    stop_remembering_biases(model)
    return model


def stop_remembering_biases(model: nn.Module) -> None:
    """Let attention layers look their biases up in the weights each time.

    Some of timm's keep what they looked up until they are trained again; after other weights were
    loaded, it would be out of date.
    """
    for module in model.modules():
        if hasattr(module, "attention_bias_cache"):
            module.attention_bias_cache = _ForgetfulDict()


class _ForgetfulDict(dict):
    """A dictionary that never seems to have what was put into it."""

    def __contains__(self, key: object) -> bool:
        return False

    def __len__(self) -> int:
        return 0


def trace_model(model: nn.Module) -> fx.Graph:
    """Return the graph of a network's calls of modules and functions."""
    tracer = _StageTracer(list_entered_modules(model))
    # A thread of its own has none of the modes in which this one may draw random numbers.
    with _tracing, ThreadPoolExecutor(1) as thread:
        graph = thread.submit(tracer.trace, model).result()
    for node in graph.nodes:
        if node.target is functional.dropout:  # a module knows whether it is being trained
            dropout = nn.Dropout(node.kwargs["p"] if "p" in node.kwargs else node.args[1])
            model.add_module(f"functional_{node.name}", dropout)
            node.op, node.target = "call_module", f"functional_{node.name}"
            node.args, node.kwargs = node.args[:1], {}
    return graph


def list_classifiers(model: nn.Module) -> list[str]:
    """Return the paths of the layers whose outputs are the classes; mostly it is one."""
    named = model.default_cfg.get("classifier")
    if named is not None:
        return [named] if isinstance(named, str) else list(named)
    layer = model.get_classifier()
    return [path for path, module in model.named_modules() if module is layer]


def list_entered_modules(model: nn.Module) -> set[str]:
    """Return the paths of modules whose calls are traced; others are called as a whole.

    These are the network, rows of modules in it, and what contains the classifier.
    """
    classifiers, entered = list_classifiers(model), {""}
    for path, module in model.named_modules():
        contains = any(name.startswith(f"{path}.") for name in classifiers)
        row = type(module) is nn.Sequential
        if path and path.rpartition(".")[0] in entered and (row or contains):
            entered.add(path)
    return entered


class _StageTracer(fx.Tracer):
    """Trace calls, while other threads use their networks as ever."""

    def __init__(self, entered: set[str]) -> None:
        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self.entered = entered

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name not in self.entered

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        self.thread = threading.get_ident()
        # Options of `forward` keep their defaults: they are no inputs.
        return root_fn, [self.root, self.create_proxy("placeholder", "images", (), {})]

    def call_module(self, m, forward, args, kwargs):
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)


def list_calls(graph: fx.Graph) -> list[fx.Node]:
    """Return the calls of a graph that depend on its input, in order."""
    depend = {node for node in graph.nodes if node.op == "placeholder"}
    calls = []
    for node in graph.nodes:
        if node.op.startswith("call_") and not depend.isdisjoint(node.all_input_nodes):
            depend.add(node)
            calls.append(node)
    return calls


def build_staged_network(
    model: nn.Module, ends: dict[str, tuple[str, str]], classifier: str
) -> nn.Sequential:
    """Build a `Sequential` of stages.

    Args:
        model: From `build_model`; the stages share its weights.
        ends: By stage, in order, but for the last: the name of the call that gives its output, and
            the layout of this output.
        classifier: Name of the last stage.

    Raises:
        KeyError: If the network has no call of such a name.
    """
    graph = trace_model(model.eval())
    calls = list_calls(graph)
    place = {node.name: index for index, node in enumerate(calls)}
    feed = next(node for node in graph.nodes if node.op == "placeholder")
    output = next(node for node in graph.nodes if node.op == "output").args[0]
    network, start, before = OrderedDict[str, nn.Module](), 0, "as is"
    for stage, (name, layout) in (ends | {classifier: (output.name, "as is")}).items():
        stop = place[name] + 1
        part = _copy_calls(feed, calls[start:stop], before, layout)
        network[stage] = fx.GraphModule(model, part)
        feed, start, before = calls[stop - 1], stop, layout
    return nn.Sequential(network)


def _copy_calls(feed: fx.Node, calls: list[fx.Node], before: str, after: str) -> fx.Graph:
    """Return a graph of calls in a row between two layouts."""
    part = fx.Graph()
    value = part.placeholder("features")
    if before == "channels last":
        value = part.call_method("permute", (value, 0, 2, 3, 1))
    elif before == "one pixel":
        value = part.call_method("unflatten", (value, 1, (-1, 1, 1)))
    values = {feed: value}
    for call in calls:
        for node in (*_iter_constants(call, values), call):
            values[node] = part.node_copy(node, values.__getitem__)
    result = values[calls[-1]]
    if after == "channels last":
        result = part.call_method("permute", (result, 0, 3, 1, 2))
    elif after == "one pixel":
        result = part.call_method("flatten", (result, 1))
    part.output(result)
    return part


def _iter_constants(node: fx.Node, known: dict[fx.Node, fx.Node]) -> Iterator[fx.Node]:
    """Yield the nodes that a call needs and that depend on weights alone, in order."""
    for each in node.all_input_nodes:
        if each not in known:
            yield from _iter_constants(each, known)
            if each not in known:
                yield each
