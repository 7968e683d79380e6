"""What the pages of reports are made of: HTML that needs no network, no script and no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; color: #16202a;
  font-variant-numeric: tabular-nums; }
body { margin: 0 auto; max-width: 1080px; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 8px; border-bottom: 1px solid #d9dee4; }
h3 { font-size: 15px; margin: 18px 0 4px; }
p { margin: 6px 0 10px; max-width: 78ch; overflow-wrap: anywhere; } .muted { color: #56636f; }
.warn { background: #fff1d6; color: #704600; padding: 8px 12px; border-radius: 6px; max-width: none; }
.scrolls { overflow-x: auto; max-width: 100%; margin: 8px 0 16px; } table { border-collapse: collapse; }
caption { text-align: left; color: #56636f; padding: 4px 0; min-width: min(60ch, 84vw); }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid #e4e8ec; text-align: right; }
td { white-space: nowrap; } th { vertical-align: bottom; max-width: 16ch; }
th.word, td.word { text-align: left; white-space: normal; }
tr.own td { font-weight: 650; }
img { max-width: 100%; } .beside { display: flex; flex-wrap: wrap; gap: 0 32px; align-items: flex-start; }
.beside > * { min-width: 0; max-width: 100%; }
.gallery { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 12px; } .gallery span { display: inline-flex; }
.gallery img { width: 80px; height: 80px; image-rendering: pixelated; background: #eee; }
.ways { display: flex; flex-wrap: wrap; gap: 12px; } .ways figure { margin: 0; width: 160px; }
.ways img { width: 160px; height: 160px; image-rendering: pixelated; } figcaption { color: #56636f; font-size: 13px; }
"""


def whole_page(title: str, parts: Iterable[str]) -> str:
    """Return a page of these parts, which are HTML; the title is text."""
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width, initial-scale=1'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def table(caption: str, headings: Sequence[str], rows: Iterable[tuple[Sequence[str], str]], words: int = 1) -> str:
    """Return a table; each row has its cells and the class that it is drawn as, `own` for what stands out.

    The first columns, as many as `words` says, are words; the others are numbers.
    """
    head = _cells("th", headings, words)
    body = "".join(f'<tr class="{kind}">{_cells("td", cells, words)}</tr>' for cells, kind in rows)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    whole = f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    # On a narrow screen the table moves, not the page; also with the keys.
    return f'<div class=scrolls tabindex=0 role=region aria-label="{escape(caption or headings[-1])}">{whole}</div>'


def _cells(kind: str, texts: Sequence[str], words: int) -> str:
    marks = [f"{kind} class=word" if number < words else kind for number in range(len(texts))]
    return "".join(f"<{mark}>{escape(text)}</{kind}>" for mark, text in zip(marks, texts, strict=True))


def image(png: bytes, alt: str) -> str:
    """Return a picture that lies in the page itself."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def share(value: float | None) -> str:
    """Return a share in per cent, nothing where there is none."""
    return "" if value is None else f"{value:.1%}"


def number(value: float | None) -> str:
    """Return a number with two decimals, nothing where there is none."""
    return "" if value is None else f"{value:.2f}"
