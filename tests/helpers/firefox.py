"""Firefox without a window, spoken to in WebDriver BiDi (W3C) over a socket, so that no driver program is needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_QUIET = {
    "browser.shell.checkDefaultBrowser": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "extensions.getAddons.cache.enabled": False,
}


class Firefox:
    """One tab."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.complaints: list[str] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        self._tab = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **params: Any) -> Any:
        """Send one command and wait for its answer; what the console said meanwhile is kept in `complaints`."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv())).get("id") != self._number:
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] != "info":
                self.complaints.append(answer["params"]["text"])
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self.command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Give the page this size."""
        size = {"width": width, "height": height}
        self.command("browsingContext.setViewport", context=self._tab, viewport=size)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, by way of JSON."""
        answer = self.command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify({expression}))()",
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"].get("value", "null"))

    def until(self, expression: str) -> None:
        """Wait until the expression is true: what a key sets off may come after the key."""
        look = f"const look = () => {expression} ? done(1) : setTimeout(look, 20); look();"
        self.ask(f"await new Promise(done => {{ {look} setTimeout(done, 20000, 0); }})")
        assert self.ask(expression), expression

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.command("input.performActions", context=self._tab, actions=[source])

    def click(self, selector: str) -> None:
        """Press the pointer in the middle of an element."""
        x, y = self.ask(
            f"(b => [b.x + b.width / 2, b.y + b.height / 2].map(Math.round))((e => {{ e.scrollIntoView({{block:"
            f"'center'}}); return e.getBoundingClientRect(); }})(document.querySelector({json.dumps(selector)})))"
        )
        actions = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        source = {"type": "pointer", "id": "mouse", "actions": actions}
        self.command("input.performActions", context=self._tab, actions=[source])


@contextmanager
def firefox(profile: Path, *, dark: bool = False) -> Iterator[Firefox]:
    """Firefox with an empty profile; the test is skipped where it is missing."""
    websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("no firefox on this machine (apt-get install firefox-esr)")
    settings = _QUIET | {"layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
    lines = [f'user_pref("{name}", {json.dumps(value)});\n' for name, value in settings.items()]
    (profile / "user.js").write_text("".join(lines))
    command = [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = next(
                m for line in process.stderr if (m := re.search(r"BiDi listening on (ws://\S+)", line))
            )
            socket = websocket.create_connection(f"{found[1]}/session", timeout=60, suppress_origin=True)
            try:
                yield Firefox(socket)
            finally:
                socket.close()
        finally:
            process.kill()
