"""Makes a page of the glossary, in which each group, and each term where it comes first, has an address."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

_OUTSIDE = re.compile(r"\[([^]]+)\]\((?!#)[^)]*\)")
"""A link to another document, which the site does not have."""
_HEADING = re.compile(r"<h2>(.*?)</h2>")
_TERM = re.compile(r"<li>\s*<strong>(.*?)</strong>")
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Glossary - rollup-bench</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="site.css">
</head>
<body>
  <header><strong>rollup-bench</strong><nav aria-label="Pages"><a href="index.html">To the pages</a></nav></header>
  <main class="glossary">
{}
  </main>
</body>
</html>
"""


def page(source: Path) -> str:
    """Returns the page of a glossary in Markdown."""
    text = _OUTSIDE.sub(r"\1", source.read_text("utf-8"))
    html = MarkdownIt("commonmark").render(text)
    html = _HEADING.sub(lambda match: f'<h2 id="{slug(match[1])}">{match[1]}</h2>', html)
    known = set[str]()

    def addressed(match: re.Match[str]) -> str:
        address = f"term-{slug(match[1])}"
        first = address not in known
        known.add(address)
        return f'<li id="{address}"><strong>{match[1]}</strong>' if first else match[0]

    return _PAGE.format(_TERM.sub(addressed, html))


def slug(text: str) -> str:
    """Returns the part of an address that stands for a heading or a term."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
