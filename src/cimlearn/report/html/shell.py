"""What all pages share: one file with style and script inside, which loads nothing and runs no other script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources
from string import Template

from cimlearn._version import __version__
from cimlearn.report.html.markup import contents, text


def asset(name: str) -> str:
    """A file that lies beside this one: template, style or script."""
    return (resources.files("cimlearn.report.html") / name).read_text("utf-8")


def whole_page(
    *,
    title: str,
    subtitle: str,
    body: Iterable[str],
    notices: Iterable[str | None] = (),
    styles: Sequence[str] = ("report.css",),
    scripts: Sequence[str] = (),
    version: str = __version__,
    drawn_from: str = "the run’s records",
    asks: bool = False,
) -> str:
    """The whole page: title, subtitle and notices are text, the parts of `body` HTML.

    The policy in its head allows the one script that it holds, by checksum, and nothing from elsewhere; a page that
    `asks` may ask the server that it came from.
    """
    script = "".join(asset(name) for name in scripts)
    inside = "\n".join(part for part in body if part)
    checksum = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    return Template(asset("page.html")).substitute(
        title=text(title),
        subtitle=text(subtitle),
        notice="".join(f'<p class="notice" role="status">{text(said)}</p>' for said in notices if said),
        contents="" if "<nav" in inside else contents(inside),
        body=inside,
        version=text(version),
        drawn_from=text(drawn_from),
        style="".join(asset(name) for name in styles),
        policy=(f"'sha256-{checksum}'" if script else "'none'") + ("; connect-src 'self'" if asks else ""),
        script=f"<script>\n{script}</script>\n" if script else "",
    )
