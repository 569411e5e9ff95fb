"""What a run shows in Prefect, and a process that ends while it is on its way."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

ID = "5f0b6cf1-8d5e-4d6f-9d3e-6a1f0c2b7e11"
SHOWN = """
from tasks.services.prefect_display.artifacts import Artifact
bar = Artifact("progress", "pairs", "pairs")
bar.show(50.0)
"""


@pytest.fixture
def slow_server():
    """A server of artifacts that answers a moment later, and what it was told."""
    told, pause = [], Event()

    class Slow(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length", 0))
            told.append((self.command, self.path, self.rfile.read(length)))
            of_artifacts = "/artifacts/" in self.path
            pause.wait(of_artifacts)
            body = json.dumps({"id": ID}).encode()
            self.send_response(200 if of_artifacts else 404)  # it has no tokens against forgery
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815  # names that http.server looks for

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api", told
    server.shutdown()
    server.server_close()


def ran(script, url):
    env = os.environ | {"PREFECT_API_URL": url}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_process_that_ends_meanwhile_delivers_and_says_nothing(slow_server):
    url, told = slow_server
    done = ran(SHOWN, url)
    assert (done.returncode, done.stderr) == (0, "")
    sent = {(method, path): json.loads(body or b"{}") for method, path, body in told}
    first = sent["POST", "/api/artifacts/"]
    assert (first["key"], first["type"], first["data"]) == ("pairs", "progress", 50.0)


@pytest.mark.slow
def test_of_one_bar_the_second_value_changes_the_first(slow_server):
    url, told = slow_server
    wait = "from tasks.services.prefect_display.courier import COURIER\nCOURIER.flush(60)\n"
    done = ran(f"{SHOWN}{wait}bar.show(75.0)\n", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert (told[-1][0], told[-1][1]) == ("PATCH", f"/api/artifacts/{ID}")
    assert json.loads(told[-1][2]) == {"data": 75.0}
