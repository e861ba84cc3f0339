"""Sphinx configuration; the pages that follow from the code are written before Sphinx reads them."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import _pages  # noqa: E402

import reldyn  # noqa: E402

project = "reldyn"
author = "The reldyn developers"
project_copyright = "the reldyn developers, GPL-3.0-or-later"
version = release = reldyn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "api/generated/parts", "**.ipynb_checkpoints"]

autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# The notebooks were executed before: the pages show those outputs.
nb_execution_mode = "off"
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "reldyn"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": []}

_pages.write_all(HERE)
