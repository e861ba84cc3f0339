"""Figures as part of the page: no inline styles, which the page forbids, colours that follow it, and words beside."""

from __future__ import annotations

import re
from typing import Any

from reldyn.study._visible import visible

__all__ = ["inline_svg"]

_PIXELS_PER_POINT = 1.58
# The properties of `font` are not attributes of their own; all text is drawn as paths.
_ATTRIBUTES = re.compile(r"[a-z-]+")
# What figures draw in ink or on paper follows the page: dark on light, or light on dark.
_LETTERING = {
    "#22262b": "ink",
    "#000000": "ink",
    "#000": "ink",
    "black": "ink",
    "#ffffff": "paper",
    "#fff": "paper",
    "white": "paper",
    "#e9ecef": "pale",
    "#7a828c": "soft",
}
_COLOURS = {"#0072b2": "blue", "#d55e00": "orange", "#009e73": "green", "#cc79a7": "purple"}


def inline_svg(text: str, label: str, prefix: str = "") -> Any:
    """A figure as inline SVG.

    Parameters
    ----------
    text : str
        As `reldyn.plot.to_svg` gives it.
    label : str
        What it shows, for those who do not see it.
    prefix : str, default ""
        What the ids of this figure begin with: no two things of a page may have the same.

    Returns
    -------
    markupsafe.Markup
    """
    from markupsafe import Markup, escape

    # The comments repeat every text that is drawn.
    text = re.sub(r"\s*(?:<style.*?</style>|<!--.*?-->)", "", text, flags=re.DOTALL)
    # Pixels keep their colours, and so must the legend of a map.
    known = _LETTERING if "<image" in text else _LETTERING | _COLOURS
    text = re.sub(r' style="([^"]*)"', lambda found: _as_attributes(found.group(1), known), text)
    if prefix:
        text = re.sub(r'\bid="', f'id="{prefix}-', text)
        text = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", text)
    width = re.search(r'width="([\d.]+)pt"', text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    size = f' width="{float(width.group(1)) * _PIXELS_PER_POINT:.0f}"' if width else ""
    # The text is made by matplotlib, which escapes names of columns and roles itself.
    return Markup(text.replace("<svg", f'<svg{size} role="img" aria-label="{escape(visible(label))}"', 1))  # noqa: S704


def _as_attributes(style: str, colours: dict[str, str]) -> str:
    """Declarations as presentation attributes, the colours of ink and paper as classes."""
    attributes, classes = [], []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if not _ATTRIBUTES.fullmatch(name) or name == "font":
            continue
        known = colours.get(value.casefold()) if name in ("fill", "stroke") else None
        if known:
            classes.append(f"{known}-{name}")
        attributes.append(f' {name}="{value}"')
    return "".join(attributes) + (f' class="{" ".join(classes)}"' if classes else "")
