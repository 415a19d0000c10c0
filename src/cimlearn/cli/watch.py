"""`cimlearn watch`: a page on this machine that follows a running sweep or search.

It reads the study's folder only, so it may be started before, beside or after the sweep, and ended at any time.
It listens on 127.0.0.1 and answers nobody who asks by another name: no other machine, and no other site's script.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from cimlearn.errors import InputError
from cimlearn.report.watch import live_page, progress, state
from cimlearn.runfolder.files import to_json
from cimlearn.studies.study import load

HOST: Final = "127.0.0.1"
_LARGEST_PORT: Final = 65535


def command(arguments: Namespace) -> None:
    """Serve the page until Ctrl-C."""
    if not 0 <= arguments.port <= _LARGEST_PORT:
        raise InputError(f"--port {arguments.port}: give 0 (any free one) to {_LARGEST_PORT}")
    folder = Path(arguments.study)
    if folder.suffix == ".toml":
        folder = load(str(folder)).folder
    progress(folder)  # what can't be watched is an error now
    arguments.interrupts.hint = "the study itself was not touched"
    with server(folder, arguments.port) as serving:
        print(f"watching {folder}: http://{HOST}:{serving.server_address[1]}/   (Ctrl-C ends)", flush=True)
        serving.serve_forever(poll_interval=0.2)


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of the page, bound to 127.0.0.1; port 0: any that is free.

    Raises
    ------
    InputError
        If the port is taken or not allowed.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Handler, folder))
    except OSError as error:
        raise InputError(f"--port {port}: {error.strerror}; name another, or leave it out") from None


class _Handler(BaseHTTPRequestHandler):
    """Answers GET of the page, of its state, and of the runs' own pages."""

    def __init__(self, folder: Path, *args: Any) -> None:
        self.folder = folder
        super().__init__(*args)

    def do_GET(self) -> None:
        """The page, `state`, or a run's report.html."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (HOST, "localhost"):
            return self._answer(403, "text/plain", "this page answers on 127.0.0.1 only")
        path = unquote(urlsplit(self.path).path).lstrip("/")
        try:
            if path == "":
                return self._answer(200, "text/html", live_page(self.folder))
            if path == "state":
                return self._answer(200, "application/json", to_json(state(self.folder)))
            if (page := self._run_page(path)) is not None:
                return self._answer(200, "text/html", page.read_text("utf-8"))
        except (
            InputError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:  # a file that is being written
            return self._answer(503, "text/plain", str(error))
        return self._answer(404, "text/plain", "there is no such page")

    def _run_page(self, path: str) -> Path | None:
        """The page of a run of this study; None for anything else."""
        root, page = self.folder.resolve(), (self.folder / path).resolve()
        inside = page.name == "report.html" and page.is_relative_to(root) and page.is_file()
        return page if inside and (page.parent / "run.json").is_file() else None

    def _answer(self, status: int, kind: str, content: str) -> None:
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing of requests."""
