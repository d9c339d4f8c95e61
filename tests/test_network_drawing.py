"""The network drawing's data: every state, long networks folded, and the same in words."""

import dataclasses
import json

import pytest

from pages.parts.start.stored_drawings import load_drawings
from tools.start_drawings import build_drawings
from transfer_core.cases import list_strategies
from transfer_core.figures import build_network_drawing, build_source_drawing
from transfer_core.figures.network_drawing import MAX_SLABS, STATE_WORDS
from transfer_core.languages import LANGUAGES, catalogue
from transfer_core.networks import get_network, summarise_network
from transfer_core.training import StageChange

SOURCE = get_network("demonstration")
STRATEGIES = list_strategies(SOURCE.stage_names, SOURCE.kind)


def draw(key: str, classes=("rose", "sunflower", "tulip"), changes=None, source=SOURCE):
    strategy = list_strategies(source.stage_names, source.kind)[key]
    return build_network_drawing(
        source,
        summarise_network(source, strategy, len(classes)),
        classes=classes,
        changes=changes,
        reads_all=strategy.approach == "all stages",
    )


@pytest.mark.parametrize(
    ("key", "states"),
    [
        ("1", ["frozen"] * 5 + ["new", "cut away"]),
        ("2-conv2", ["frozen"] * 2 + ["new"] + ["cut away"] * 4),
        ("3", ["trained"] * 5 + ["new", "cut away"]),
        ("4-random", ["random"] * 5 + ["new", "cut away"]),
        ("last-stages", ["frozen"] * 3 + ["trained"] * 2 + ["new", "cut away"]),
    ],
)
def test_every_case_shows_its_states_with_the_new_layer_after_what_is_kept(key, states):
    drawing = draw(key)
    assert [slab.state for slab in drawing.slabs] == states
    assert {entry.state for entry in drawing.legend} == set(states)


def test_a_network_before_surgery_is_whole_and_has_no_new_layer():
    drawing = build_source_drawing(SOURCE, summarise_network(SOURCE, STRATEGIES["1"], 3))
    assert [slab.state for slab in drawing.slabs] == ["kept"] * 6
    assert drawing.outputs == ()


def test_maps_shrink_and_grow_deeper_and_layers_without_maps_have_no_depth():
    *maps, first, _ = build_source_drawing(
        SOURCE, summarise_network(SOURCE, STRATEGIES["1"], 3)
    ).slabs[:5]
    assert [slab.height for slab in maps] == sorted((s.height for s in maps), reverse=True)
    assert [slab.width for slab in maps] == sorted(slab.width for slab in maps)
    assert first.depth == 0


@pytest.mark.parametrize("name", ["vgg16", "vit_b_16"])
@pytest.mark.parametrize("key", ["1", "3"])
def test_a_long_network_is_folded_and_keeps_every_stage_weight_and_state(name, key):
    source = get_network(name)
    strategy = list_strategies(source.stage_names, source.kind)[key]
    parts = summarise_network(source, strategy, 3)
    drawing = build_network_drawing(source, parts)
    assert len(drawing.slabs) <= MAX_SLABS
    assert sum(slab.weights for slab in drawing.slabs) == sum(part.weights for part in parts)
    drawn = [stage for slab in drawing.slabs for stage in slab.stages]
    assert sorted(drawn) == sorted(part.stage for part in parts)


def test_tokens_are_drawn_as_patches_laid_out_in_a_square():
    source = get_network("vit_b_16")
    slab = draw("1", source=source).slabs[0]
    assert slab.depth == 1
    assert "197 patches of 768 features" in slab.description


def test_the_words_name_every_slab_its_state_and_the_outputs():
    drawing = draw("2-conv2")
    for slab in drawing.slabs:
        assert slab.title in drawing.description
        assert STATE_WORDS[slab.state] in slab.description
        assert slab.description in drawing.description
    assert "rose, sunflower, tulip" in drawing.description


def test_many_classes_are_counted_and_unknown_ones_numbered():
    assert draw("1", [f"kind {n}" for n in range(100)]).outputs[-1] == "and 97 more"
    strategy = STRATEGIES["1"]
    unnamed = build_network_drawing(SOURCE, summarise_network(SOURCE, strategy, 100))
    assert unnamed.outputs == ("100 classes",)


def test_the_new_layer_over_all_stages_says_what_it_reads():
    drawing = draw("all-stages")
    assert drawing.reads_all
    assert "reads every kept stage" in drawing.description


def test_the_glow_grows_with_the_measured_change_and_stays_between_0_and_1():
    moved = {"conv1": 0.0, "conv2": 0.01, "conv3": 0.04, "fc1": 0.25, "head": 7.0}
    changes = [StageChange(name, not change, change, False) for name, change in moved.items()]
    slabs = {slab.stages[0]: slab for slab in draw("3", changes=changes).slabs}
    assert [slabs[name].change for name in moved] == pytest.approx([0, 0.1, 0.2, 0.5, 1])
    assert slabs["fc2"].change is None
    assert "weights unchanged to the bit" in slabs["conv1"].description
    assert "moved by 25.0%" in slabs["fc1"].description


def test_the_drawing_is_plain_data_for_the_browser():
    sent = json.loads(json.dumps(dataclasses.asdict(draw("1"))))
    assert sent["slabs"][0]["stages"] == ["conv1"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_stored_drawings_of_start_are_those_of_the_networks_own_stages(language, monkeypatch):
    monkeypatch.setattr(catalogue, "_find_language", lambda: language)
    assert load_drawings() == build_drawings()  # else: python -m tools.start_drawings
