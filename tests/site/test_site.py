"""The documentation as a reader sees it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from conftest import ROOT, Visit

SOURCES = {
    "" if page.stem == "index" else f"{page.relative_to(ROOT / 'docs').with_suffix('')}/": page
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if page.stem != "llamahub"  # a page of another site
}
NOTEBOOKS = [f"notebooks/{path.stem}/" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
PAGES = [*SOURCES, *NOTEBOOKS]
DIAGRAMS = {
    path: count
    for path, page in SOURCES.items()
    if (count := page.read_text(encoding="utf-8").count("```mermaid\n"))
}
MAIN_PAGES = ["", "tutorial/first-answer/", "guides/testing/", "errors/", "langchain/features/"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_from_here_alone_without_an_error_and_fits_a_phone(
    visit: Visit, path: str
) -> None:
    visit.page.set_viewport_size({"width": 400, "height": 800})
    page = visit.open(path)
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    too_wide = page.evaluate(
        """() => [...document.querySelectorAll("article :is(p, li, h1, h2, h3, dt, dd, .admonition)")]
        .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest("table, pre, [class*=scrollwrap]"))
        .map(each => each.textContent.slice(0, 60))"""
    )
    assert too_wide == []
    page.set_viewport_size({"width": 1280, "height": 900})
    assert visit.problems == []


@pytest.mark.parametrize("path", MAIN_PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(visit: Visit, path: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    page = visit.open(path)
    assert (
        page.locator("body").get_attribute("data-md-color-scheme")
        == {
            "light": "default",
            "dark": "slate",
        }[scheme]
    )
    assert visit.problems == []


def test_the_scheme_can_be_switched(visit: Visit) -> None:
    page = visit.open("")
    for scheme in ("slate", "default"):
        page.locator("form[data-md-component=palette] label:visible").click()
        page.wait_for_selector(f"body[data-md-color-scheme={scheme}]")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("circuit breaker", "guides/fallback/"),
        ("StreamInterruptedError", "errors/"),
        ("mistral_sandbox_redirect", "guides/testing/"),
        ("LiteLLM", "coming-from/litellm/"),
    ],
)
def test_search_finds(visit: Visit, words: str, found: str) -> None:
    page = visit.open("")
    page.locator("input.md-search__input").press_sequentially(words)
    results = page.locator(f'a.md-search-result__link[href*="{found}"]')
    results.first.wait_for()
    results.first.click()
    page.wait_for_url(lambda url: urlsplit(url).path == f"/{found}")
    page.locator(".md-content article", has_text=words).wait_for()
    assert visit.problems == []


def test_tabs_show_one_framework_on_the_whole_page(visit: Visit) -> None:
    page = visit.open("tutorial/first-answer/")
    groups = page.locator(".tabbed-set")
    assert groups.count() > 1
    shown = page.locator(".tabbed-set .tabbed-block:visible")
    page.locator(".tabbed-labels label", has_text="LlamaIndex").first.click()
    page.wait_for_function(  # none that belongs to the other framework
        """() => [...document.querySelectorAll(".tabbed-block")]
        .filter(each => each.offsetParent).every(each => !each.textContent.includes("langchain_"))"""
    )
    assert shown.count() == groups.count()
    assert any("llamaindex_portkey_mistral" in text for text in shown.all_inner_texts())
    assert visit.problems == []


def test_there_are_diagrams() -> None:
    assert len(DIAGRAMS) >= 3


@pytest.mark.parametrize("path", DIAGRAMS)
@pytest.mark.parametrize("width", [1280, 400])
def test_diagrams_are_drawn(visit: Visit, path: str, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = visit.open(path)
    drawn = page.locator("div.mermaid")
    drawn.nth(DIAGRAMS[path] - 1).wait_for()
    assert drawn.count() == DIAGRAMS[path]
    assert page.locator("pre.mermaid").count() == 0
    for number in range(DIAGRAMS[path]):
        box = drawn.nth(number).bounding_box()
        assert box is not None
        assert box["height"] > 60
        assert box["x"] + box["width"] <= width
    assert visit.problems == []


def test_diagrams_are_drawn_after_a_link_was_followed(visit: Visit) -> None:
    """The theme loads the next page into this one, and its first diagram loads Mermaid."""
    page = visit.open("")
    page.locator('article a[href$="routing/"]').first.click()
    page.locator("div.mermaid").first.wait_for()
    assert visit.problems == []


def test_code_can_be_copied(visit: Visit) -> None:
    page = visit.open("")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block = page.locator(".highlight:visible").first
    block.hover()
    block.locator("button[data-md-type=copy]").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "ChatPortkeyMistral" in copied


# --- links -----------------------------------------------------------------------------------------------------


class Links(HTMLParser):
    """The links and the ids of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.links.add(value)
            elif name == "id" and value:
                self.ids.add(value)


def test_no_link_is_dead(site: str, folder: Path) -> None:
    pages = {
        f"{site}{file.relative_to(folder).as_posix()}".removesuffix("index.html"): Links(
            file.read_text(encoding="utf-8")
        )
        for file in folder.rglob("*.html")
        if file.name != "404.html"
    }
    dead = []
    for url, page in pages.items():
        for link in page.links:
            target, fragment = urldefrag(urljoin(url, link))
            if not target.startswith(site):
                assert re.match(r"https://|mailto:|http://127\.0\.0\.1|data:", target), (url, link)
                continue
            known = pages.get(target)
            file = folder / unquote(urlsplit(target).path).lstrip("/")
            exists = known is not None or file.is_file()
            if not exists or (known and fragment and unquote(fragment) not in known.ids):
                dead.append((url, link))
    assert dead == []
