"""Pages of reports: whole, without script or network, the same each time, and hostile to nobody."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import HOSTILE

from gtrack.report.pictures import picture_type
from gtrack.report.prose import slug_of

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ALL = """# All kinds

```gtrack
leaderboard: churn
```

## Table

```gtrack
table: metrics.val_auc > 0.5
```

```gtrack
chart: [val_loss, val_auc]
smoothing: 0.5
```

```gtrack
run: last
```

```gtrack
tabel: x
```
"""
VOID = {"meta", "img", "br", "hr", "path", "line"}


class Seen(HTMLParser):
    """The elements of a page; complains of what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def harmless(html: str) -> Seen:
    """Return the elements of a page that runs nothing, loads nothing, and leads nowhere bad."""
    seen = Seen(html)
    assert {tag for tag, _ in seen.elements}.isdisjoint(
        {"script", "iframe", "object", "embed", "link", "base", "form", "b", "foreignobject", "use", "animate"}
    )
    for tag, attrs in seen.elements:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("style", "srcset", "srcdoc", "formaction", "xlink:href"), (tag, name)
            if name == "src":
                assert value and value.startswith("data:image/"), value
            if name == "href":
                assert value and re.match(r"https?://|mailto:|#|(?!//)[\w./%-]+\Z", value), value
    assert "\x1b" not in html and "\u202e" not in html
    return seen


def test_a_page_has_every_kind_and_a_problem_in_its_place(world):
    page = world.page(ALL)
    seen = harmless(page.html)
    assert page.blocks == 5
    assert [str(problem)[:8] for problem in page.problems] == ["r0.md:23"]
    assert (
        page.html.index("Leaderboard of churn")
        < page.html.index("metrics.val_auc &gt; 0.5")
        < page.html.index("r0.md:23")
    )
    assert sum(attrs.get("role") == "img" and bool(attrs["aria-label"]) for attrs in seen.all("div")) == 2
    assert len(seen.all("caption")) >= 4
    assert all(attrs.get("scope") in ("col", "row") for attrs in seen.all("th"))
    assert all("alt" in attrs for attrs in seen.all("img"))
    levels = [int(tag[1]) for tag, _ in seen.elements if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2]


def test_a_page_allows_its_own_style_and_pictures_within_it_alone(world):
    html = world.page(ALL).html
    (policy,) = (a["content"] for a in Seen(html).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    from hashlib import sha256

    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_the_same_files_and_runs_give_the_same_bytes_and_the_footer_names_them(world):
    first, second = world.page(ALL).html, world.page(ALL).html
    assert first == second
    code, runs = (world.run("git", "rev-parse", "--short=7", name).strip() for name in ("HEAD", "gtrack"))
    assert f"code at {code}, with uncommitted changes of this text · runs of gtrack at {runs}" in first
    world.run("git", "add", "r0.md")
    world.run("git", "commit", "-q", "-m", "report")
    assert "uncommitted" not in world.page(ALL).html


def test_runs_that_were_only_fetched_count_and_are_named(world, tmp_path):
    world.run("git", "clone", "-q", "--bare", ".", str(tmp_path / "hub"))
    world.run("git", "clone", "-q", str(tmp_path / "hub"), str(tmp_path / "clone"))
    clone = type(world)(tmp_path / "clone", world.env)
    html = clone.page(ALL).html
    assert "runs of origin/gtrack at " + world.run("git", "rev-parse", "--short=7", "gtrack").strip() in html
    assert "lr-0.05-seed-2" in html


def test_commits_and_files_lead_to_the_host(world):
    world.run("git", "remote", "add", "origin", "git@github.com:acme/churn.git")
    html = world.page(
        "# A\n[code](./train.py#L2) [self](r0.md) [up](../../x) [top](/docs/x%20y.md)\n\n```gtrack\nrun: last\n```\n"
    ).html
    head = world.run("git", "rev-parse", "HEAD").strip()
    links = [attrs["href"] for attrs in harmless(html).all("a")]
    assert links == [
        f"https://github.com/acme/churn/blob/{head}/train.py#L2",
        "#r0",
        f"https://github.com/acme/churn/blob/{head}/docs/x%20y.md",
        f"https://github.com/acme/churn/commit/{head}",
        f"https://github.com/acme/churn/commit/{head}",
    ]


def test_several_reports_are_one_page_with_contents_and_no_anchor_twice(world):
    page = world.page("# One\n## Same\n[to](r1.md) [here](#same)\n", "no heading [back](r0.md)\n## Same\n## Same\n")
    seen = harmless(page.html)
    ids = [attrs["id"] for _, attrs in seen.elements if "id" in attrs]
    assert ids == ["r0", "r0--one", "r0--same", "r1", "r1--same", "r1--same-1"]
    hrefs = [attrs["href"] for attrs in seen.all("a")]
    assert hrefs == ["#r0", "#r1", "#r1", "#r0--same", "#r0"]
    levels = [tag for tag, _ in seen.elements if re.fullmatch("h[1-6]", tag)]
    assert levels == ["h1", "h2", "h3", "h2", "h3", "h3"]


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script> <img src=x onerror=alert(1)>",
        "[a](javascript:alert(1)) [b](data:text/html,x) [c](vbscript:x) [d](//evil.org/x) [e](file:///etc/passwd)",
        "<javascript:alert(1)> [f]: x\n\n[f]\n\n[f]: JaVaScRiPt:alert(1)",
        "[g](ms-office:ofe|u|x) [h](http://[::1) [i](\\\\evil\\x) [j](&#106;avascript:alert(1))",
        "![a](https://evil.org/x.png) ![b](data:image/svg+xml;base64,PHN2Zz4=) ![c](//evil.org/x) ![d](../../x.png)",
        "[![a](https://evil.org/x.png)](https://example.org)",
        '![a](a.png "x\\" onload=\\"alert(1)")',
        "# <svg onload=alert(1)> `<b>`\n\n|a|\n|:-:|\n|<b>x</b>|\n\n~~~<b> x\n<b>\n~~~\n",
        "&lt;script&gt; &#x1b;[2J",
    ],
)
def test_markdown_that_would_do_harm_does_none(world, markdown):
    harmless(world.page(markdown).html.replace("\x1b", ""))


def test_what_a_run_says_is_text(world):
    world.gtrack(
        "-q", "log", f"{HOSTILE.replace('=', '-')}=1", "--name", HOSTILE,
        "-p", f"{HOSTILE.replace('=', '-')}={HOSTILE}", "-t", f"a={HOSTILE}", "-m", HOSTILE, "--experiment", HOSTILE,
    )  # fmt: skip
    blocks = [
        "table:\n",
        "chart: '*'\n",
        "run: last\nshow: [params, metrics, code, tags, notes, data, environment, seed, artifacts]\n",
        "leaderboard: churn\ntitle: '<b>x</b>'\n",
        "table: metrics.`<b>` > 1\n",
        "run: '<b>'\n",
    ]
    text = "".join(f"```gtrack\n{block}```\n\n" for block in blocks)
    seen = harmless(world.page(text).html)
    assert "<img src=x onerror=alert(1)>\\x1b[2J\\u202e" in seen.text


def test_pictures_of_the_repository_are_put_into_the_page(world):
    world.write("docs/a.png", PNG)
    world.write(
        "b.svg", '<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    )
    world.write("fake.png", "<html>")
    world.write("big.png", PNG + b"x" * 2_000_001)
    page = world.page(
        "![one](docs/a.png)\n![two](/b.svg 'a <title>')\n\n![no](fake.png) ![none](none.png)\n\n![big](big.png)\n"
    )
    images = harmless(page.html).all("img")
    assert [(image["alt"], image["src"][:22]) for image in images] == [
        ("one", "data:image/png;base64,"), ("two", "data:image/svg+xml;bas"),
    ]  # fmt: skip
    assert [str(problem).split(" ")[0] for problem in page.problems] == ["r0.md:4:", "r0.md:4:", "r0.md:6:"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\1\2\3\4WEBPVP8 ", "image/webp"),
        (b"\xef\xbb\xbf <svg>", "image/svg+xml"),
        (b'<!DOCTYPE svg PUBLIC "x" "y"><svg ', "image/svg+xml"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>', None),
        (b"<html><svg>", None),
        (b"<svgx>", None),
        (b"", None),
        (b"<!--" * 1000, None),
    ],
)
def test_a_picture_is_known_by_what_it_begins_with(data, kind):
    assert picture_type(data) == kind


@given(st.text(max_size=40))
def test_an_anchor_has_neither_spaces_nor_quotes(text):
    assert not re.search(r"[\s\"'<>&#]", slug_of(text).replace("\x1f", ""))


def test_odd_values_are_drawn_or_said(world):
    world.write(
        "odd.py",
        "import gtrack, math\n"
        "with gtrack.start_run(name='odd', experiment='odd') as run:\n"
        "    for step, value in enumerate([math.nan, 1.0, math.nan, math.inf, -1.0, 1e308, -1e308, 2.0]):\n"
        "        run.log({'odd': value, 'none': math.nan, 'one': 3.0 if not step else math.nan}, step=step)\n",
    )
    world.run("python", "odd.py")
    blocks = [
        "chart: odd\n",
        "chart: odd\nlog: true\n",
        "chart: none\n",
        "chart: one\nx: time\n",
        "chart: odd\nx: one\n",
    ]
    page = world.page("".join(f"```gtrack\n{block}```\n\n" for block in blocks))
    seen = harmless(page.html)
    assert "nothing to draw: no value is finite" in page.html
    numbers = re.findall(r"-?\d+(?:\.\d+)?", " ".join(attrs["d"] or "" for attrs in seen.all("path")))
    assert all(-1000 <= float(number) <= 2000 for number in numbers)
    assert not re.search(r'd="[^"]*(?:nan|inf)', page.html)
    assert page.problems == ()
