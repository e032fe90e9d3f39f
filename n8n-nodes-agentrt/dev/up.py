"""`make up`: everything on this machine, with the example run once; `make down` ends it."""

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import example
from down import only_one
from example import LEAD_DESK, Outcome
from n8n import EMAIL
from progress import NO_SPACE, Failed, is_full, say
from stack import Stack, stack

from sidecar.errors import Fault
from sidecar.extras.children import WATCH_S, until, until_one_ends

PORT_TIMEOUT_S = 10


def up(data: Path) -> bool:
    """Whether the example came out right."""
    with only_one(data) as lock:
        sidecar_port = _port("AGENTRT_PORT", 8700)
        n8n_port = _port("N8N_PORT", 5678)
        started = stack(data, sidecar_port=sidecar_port, n8n_port=n8n_port, keep=[lock])
        with started as running:
            example.publish(running)
            say("Example: new lead -> enrich -> draft reply -> approval queue")
            outcome = example.play(running)
            _report(running, outcome, data)
            if not os.environ.get("ONCE"):
                say("Everything stays up until Ctrl-C.")
                until_one_ends(running.children)
    return outcome.replay["verdict"] == "identical"


def _report(stack: Stack, outcome: Outcome, data: Path) -> None:
    run, replay = outcome.run, outcome.replay
    simulated = " (simulated)" if run["simulated"] else ""
    say(f"""
  run       {run["run"]}
  model     {run["provider"]}/{run["model"]}{simulated}
  cost      {run["cost_usd"]} USD
  replay    verdict: {replay["verdict"]} ({replay["events"]} events)

  n8n       {stack.n8n.url}/workflow/{LEAD_DESK}
            log in as {EMAIL}; the password is in {data / "n8n-owner.json"}
  sidecar   {stack.sidecar.base}; the key is in {data / "key"}
  the run   {stack.sidecar.base}/v1/runs/{run["run"]}
""")


def _port(variable: str, usual: int) -> int:
    """Free, or free soon: the n8n of a killed predecessor holds its port for some seconds."""
    given = os.environ.get(variable) or str(usual)
    if not given.isdigit() or not 0 < int(given) < 65_536:
        raise Failed(f"{variable} is {given!r}. Set it to the number of a free port.")
    port = int(given)
    if not _port_free(port):
        say(f"Port {port} ({variable}) is in use; waiting {PORT_TIMEOUT_S} s for it ...")
    if not until(lambda: _port_free(port), PORT_TIMEOUT_S):
        remedy = f"Stop what listens there, or choose another: make up {variable}={port + 10}"
        raise Failed(f"Port {port} is still in use. {remedy}")
    return port


def _port_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _end_with_make() -> None:
    """A `make` that is killed tells nobody. Killed like it, we leave nothing behind either."""
    make = os.getppid()

    def watch() -> None:
        until(lambda: os.getppid() != make, float("inf"), every_s=WATCH_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if "MAKELEVEL" in os.environ:
        _end_with_make()
    try:
        return 0 if up(Path(os.environ.get("AGENTRT_DATA", ".agentrt"))) else 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 0
    except (Failed, Fault, OSError) as error:
        say(f"\n{error}")
        if is_full(str(error)):
            say(NO_SPACE)
        return 1


if __name__ == "__main__":
    sys.exit(main())
