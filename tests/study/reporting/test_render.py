"""Check the page: its policy, its landmarks and tables, what it shows of single dyads, and hostile names."""

import base64
import hashlib
import html.parser
import itertools
import re

import pytest

import reldyn as rd

STUDY = """[data]
path = "diary.csv"
[columns]
dyad = "couple"
person = "who"
role = "role"
day = "day"
beep = "beep"
[scales]
warmth = [1, 7]
response = [1, 7]
[[prepare]]
step = "answers"
variables = ["warmth"]
at_least = 3
unit = "dyad"
[analyses.main]
verb = "apim"
outcome = "response"
predictors = ["warmth"]
[analyses.carry]
verb = "coupling.inertia_coordination"
variable = "response"
[analyses.level]
verb = "affect_dynamics"
variables = ["warmth"]
[analyses.warm]
verb = "cycles.schedule"
warmth = "warmth"
"""
ROLES = {"a": "<b>wife</b>", "b": "hus\u202eband"}


@pytest.fixture(scope="module")
def frame():
    made = rd.simulate.cycles("cycle", n_dyads=12, n_occasions=40, missing=0.1, seed=3).panel.frame
    made["role"] = made["role"].map(dict(zip(sorted(set(made["role"])), ROLES.values(), strict=True)))
    made["couple"] = [f"cplQz{7 * int(dyad)}" for dyad in made["dyad"]]
    made["who"] = [f"{couple}.{role[:5]}" for couple, role in zip(made["couple"], made["role"], strict=True)]
    return made.drop(columns=["dyad", "person"])


def report_of(folder, frame, more=""):
    frame.to_csv(folder / "diary.csv", index=False)
    (folder / "study.toml").write_text(STUDY + more, encoding="utf-8")
    return rd.run_study(folder / "study.toml")


@pytest.fixture(scope="module")
def plain(tmp_path_factory, frame):
    return report_of(tmp_path_factory.mktemp("plain"), frame).path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def single(tmp_path_factory, frame):
    return report_of(tmp_path_factory.mktemp("single"), frame, "[report]\ndyads = true\n").path.read_text(
        encoding="utf-8"
    )


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.styles = [], [], [], []
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self._style = tag == "style"
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])

    def handle_endtag(self, tag):
        self._style = False

    def handle_data(self, data):
        if self._style:
            self.styles.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.mark.parametrize("which", ["plain", "single"])
def test_nothing_runs_and_nothing_is_loaded(which, request):
    text = request.getfixturevalue(which)
    page = Page(text)
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    (style,) = page.styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert (
        policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name == "style" or name.startswith("on")], tag
        for name in ("src", "href", "xlink:href"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,")), (tag, attrs)
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("which", ["plain", "single"])
def test_a_screen_reader_and_a_keyboard_find_their_way(which, request):
    page = Page(request.getfixturevalue(which))
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(page.all(landmark)) == 1, landmark
    assert page.links[0] == "#main"
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 20 for svg in page.all("svg"))
    scrolled = [div for div in page.all("div") if div.get("class") == "scroll"]
    assert all(div["tabindex"] == "0" and div["aria-label"] for div in scrolled)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_light_dark_and_print(plain):
    (style,) = Page(plain).styles
    assert "@media (prefers-color-scheme: dark)" in style
    assert "@media print" in style
    assert "color-scheme: light dark" in style


def test_no_single_dyad_by_default(plain, frame):
    assert "No row and no figure shows a single dyad." in plain
    for heading in ("Trajectories", "Who answered when"):
        assert heading not in plain
    assert "single dyads</caption>" not in plain
    # The tables of dyads appear as their spread alone.
    assert plain.count("spread over dyads</caption>") == 3
    for label in set(frame["couple"]) | set(frame["who"]):
        assert label not in plain
    assert not re.search(r"\bdyad \d", plain)


def test_single_dyads_where_they_are_asked_for(single):
    assert "pass it on to nobody who could know one of them" in single
    assert "Trajectories" in single
    assert "Who answered when" in single
    assert single.count("single dyads</caption>") == 3


def test_a_list_of_dyads_shows_these_alone(tmp_path, frame):
    # One with findings of its own, and with a figure of every dyad.
    frame = frame.assign(response=frame["response"].where(frame["couple"] != "cplQz14", 3.0))
    more = '[analyses.cycles]\nverb = "detect_cycles"\nwarmth = "warmth"\nn_surrogates = 19\n'
    more += '[report]\nanonymise = false\ndyads = ["cplQz7"]\n'
    text = report_of(tmp_path, frame, more).path.read_text(encoding="utf-8")
    rows = re.findall(r"<caption>level: single dyads</caption>.*?</table>", text, flags=re.DOTALL)
    assert len(rows) == 1
    assert "cplQz7" in rows[0]
    assert set(re.findall(r"cplQz\d+", text)) == {"cplQz7"}
    assert 'aria-label="Figure: who answered when"' in text


def test_names_are_text_and_hidden_signs_are_seen(plain):
    assert "<b>wife</b>" not in plain
    assert "&lt;b&gt;wife&lt;/b&gt;" in plain
    assert "\u202e" not in plain
    assert "hus[U+202E]band" in plain


def test_every_analysis_has_a_sentence_a_table_and_a_figure(plain):
    for part in plain.split('<section aria-labelledby="analysis-')[1:]:
        body = part[: part.index("</section>")]
        assert '<p class="result">' in body
        assert "<table" in body
        assert "<svg" in body


def test_the_flow_says_what_was_left_out(plain):
    assert "rows of the file" in plain
    assert "Nothing left out" in plain


def test_standards_name_what_is_open(plain):
    for item in ("Primary, secondary and exploratory analyses told apart", "Latency (wording not at hand)"):
        assert item in plain
    assert plain.count('class="tag not-filled"') > 5
    assert plain.count('class="tag filled"') > 3
