"""The picture of a config: every node in it, nothing outside of it, no key."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from portkey_mistral.config import Config
from portkey_mistral.config.drawing.layout import Box, lay_out, text_width
from portkey_mistral.config.drawing.svg import Figures, Flow, svg

SVG = "{http://www.w3.org/2000/svg}"


def target(**fields):
    return {"provider": "mistral-ai", "api_key": "sk-very-secret", **fields}


WIDE = {
    "strategy": {
        "mode": "conditional",
        "conditions": [
            {"query": {"metadata.tier": {"$in": ["<gold>", "\"silver\" & 'bronze'"]}}, "then": "a"},
            {"query": {"$or": [{"params.model": {"$regex": "x" * 200}}]}, "then": "b"},
        ],
        "default": "c",
    },
    "targets": [
        {
            "name": "a",
            "strategy": {"mode": "fallback"},
            "targets": [target(retry={"attempts": 2}), target(custom_host="http://localhost:1/v1")],
        },
        target(name="b", override_params={"model": "モデル"}),
        {
            "name": "c",
            "strategy": {"mode": "loadbalance"},
            "targets": [target(weight=3), target(weight=0), {"provider": "openai", "api_key": "k"}],
        },
    ],
}
DEEP = target()
for _ in range(12):
    DEEP = {"strategy": {"mode": "single"}, "targets": [DEEP]}
CONFIGS = {"one": target(), "wide": WIDE, "deep": DEEP}


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_one_well_formed_element_with_every_node(name):
    config = Config.parse(CONFIGS[name])
    root = ET.fromstring(config.to_svg())
    assert root.tag == f"{SVG}svg"
    tips = [tip.text for tip in root.iter(f"{SVG}title")]
    for leaf in config.targets():
        assert sum(tip.startswith(f"{leaf.path} ") for tip in tips) == 1
    assert len(root.findall(f"{SVG}path")) == len(root.findall(f"{SVG}g")) - 1


def box(lines: int, *children: Box, label: str = "if metadata.tier = 'paid'") -> Box:
    return Box(
        "id", tuple("line" * 5 for _ in range(lines)), label, "tooltip", ("a", "b"), children
    )


TREES = {
    "one": box(1),
    "wide": box(1, *(box(rows % 4 + 1) for rows in range(12))),
    "deep": box(2, box(1, box(3, box(1), box(1)), label="a long condition on the edge"), box(4)),
}


@pytest.mark.parametrize("name", TREES)
def test_boxes_and_labels_do_not_overlap(name):
    boxes = list(lay_out(TREES[name]).walk())
    for placed in boxes:
        assert placed.x >= 0
        assert placed.top >= 0
        for child in placed.children:
            assert child.x - text_width(child.box.label, 11) > placed.right
    for x in {placed.x for placed in boxes}:
        column = sorted((each for each in boxes if each.x == x), key=lambda each: each.middle)
        for above, below in pairwise(column):
            assert above.bottom < below.top


@pytest.mark.parametrize("name", CONFIGS)
def test_everything_is_inside_the_image(name):
    picture = ET.fromstring(Config.parse(CONFIGS[name]).to_svg())
    left, top, width, height = map(float, picture.get("viewBox").split())
    for shape in picture.iter(f"{SVG}rect"):
        x, y = float(shape.get("x")), float(shape.get("y"))
        assert left <= x
        assert x + float(shape.get("width")) <= left + width + 1
        assert top <= y
        assert y + float(shape.get("height")) <= top + height + 1


def test_no_key_and_nothing_of_a_condition_breaks_out():
    picture = Config.parse(WIDE).to_svg()
    assert "secret" not in picture
    assert "<gold>" not in picture
    assert "&lt;gold&gt;" in picture


def test_long_words_are_cut_and_stay_in_the_tooltip():
    picture = Config.parse(WIDE).to_svg()
    shown = [text.text for text in ET.fromstring(picture).iter(f"{SVG}text")]
    assert max(map(len, shown)) == 52
    assert "x" * 200 in picture


def test_notebooks_show_it():
    config = Config.parse(WIDE)
    assert config._repr_svg_() == config.to_svg()
    assert config.to_svg() in config._repr_html_()


def test_a_slug_is_a_box():
    root = ET.fromstring(Config.parse("pc-mine").to_svg())
    assert "pc-mine (stored at Portkey)" in [text.text for text in root.iter(f"{SVG}text")]


def test_figures_are_next_to_their_targets():
    config = Config.parse({"strategy": {"mode": "fallback"}, "targets": [target(), target()]})
    flows = {"config.targets[0]": Flow(1.0, 0.75, ("75 %",))}
    root = ET.fromstring(svg(config.root, Figures("A caption", ("success",), flows)))
    shown = [text.text for text in root.iter(f"{SVG}text")]
    assert {"A caption", "success", "75 %", "-"} <= set(shown)
    bars = [r for r in root.iter(f"{SVG}rect") if r.get("height") == "10"]
    widths = {bar.get("fill"): float(bar.get("width")) for bar in bars}
    assert widths == {"#e2e8f0": 120, "#dc2626": 120, "#16a34a": 90}
    thick = [float(p.get("stroke-width")) for p in root.iter(f"{SVG}path")]
    assert thick[0] > 2
    assert re.search(r"<title>A caption</title>", svg(config.root, Figures("A caption", (), {})))
