"""Check that figures keep no inline style and carry words."""

import re
import xml.etree.ElementTree as ET

import reldyn as rd
from reldyn.study.reporting._svg import inline_svg


def test_styles_become_attributes():
    panel = rd.simulate.apim(n_dyads=30, n_occasions=8, actor=0.3, partner=0.2, seed=1).panel
    fit = rd.apim(panel, outcome="y", predictors=["x"], estimation=rd.Estimation(inference="z"))
    drawn = rd.plot.to_svg(lambda: rd.plot.coefficients(fit), salt="s")
    text = str(inline_svg(drawn, 'x "quoted" <b>'))
    root = ET.fromstring(text)  # noqa: S314
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'x "quoted" <b>'
    assert root.get("width").isdigit()
    assert root.get("height") is None
    assert "style" not in text
    before = re.findall(r"fill: (#[0-9a-f]{6})", drawn)
    assert sorted(before) == sorted(re.findall(r'fill="(#[0-9a-f]{6})"', text))
    assert 'class="ink-stroke"' in text or "ink-fill" in text


def test_ink_and_paper_follow_the_page():
    drawn = '<svg width="72pt" height="9pt"><path style="fill: #FFFFFF; stroke: black; font: 9px x"/></svg>'
    path = '<path fill="#FFFFFF" stroke="black" class="paper-fill ink-stroke"/>'
    assert str(inline_svg(drawn, "a")) == f'<svg width="114" role="img" aria-label="a">{path}</svg>'


def test_no_two_figures_share_an_id():
    drawn = '<svg width="1pt"><g id="m1"/><use xlink:href="#m1"/><g clip-path="url(#p)"/><clipPath id="p"/></svg>'
    text = str(inline_svg(drawn, "a\u202eb", "one"))
    assert 'id="one-m1"/><use xlink:href="#one-m1"/><g clip-path="url(#one-p)"/><clipPath id="one-p"' in text
    assert 'aria-label="a[U+202E]b"' in text
