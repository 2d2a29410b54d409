"""AWS for the deployed code in a process of its own: WorkSpaces, DynamoDB and what else it calls, over HTTP.

The functions find it as they find any endpoint, by `AWS_ENDPOINT_URL`. What they are not measured for answers with an
empty object.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from local import botocore_adapter
from local.workspaces import World
from tests.simulation.services import Answer

_REGION = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/")
# Nobody gets any of it, but botocore asks for some.
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


# What CloudFormation says of a stack: no outputs, for names are fixed.
_STACK = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>Standby-us-east-1-us-west-2</StackName><StackId>a:b:c:d:e</StackId><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>UPDATE_COMPLETE</StackStatus>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""


class AnyLedger(Protocol):
    """A ledger that answers DynamoDB's requests."""

    def call(self, region: str, operation: str, body: bytes) -> Answer:
        """Status and body."""


class Endpoint:
    """Answers of a world and a ledger; `calls` counts them by Region and operation."""

    def __init__(self, world: World, ledger: AnyLedger) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.url = ""
        self._world, self._ledger = world, ledger
        self._lock = threading.Lock()

    def answer(self, target: str, region: str, body: bytes) -> Answer:
        """Status and body."""
        service, _, operation = target.rpartition(".")
        with self._lock:
            self.calls[region, operation] += 1
            if service.startswith("DynamoDB"):
                return self._ledger.call(region, operation, body)
            if service.startswith("WorkspacesService"):
                status, _, content = botocore_adapter.answer(self._world, region, operation, json.loads(body), None)
                self._world.calls.clear()
                return status, content
        if b"Action=DescribeStacks" in body:
            return 200, _STACK.encode()
        if operation == "GetServiceQuota":
            return 200, b'{"Quota": {"Value": 1000000}}'
        return 200, b"{}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve until the block ends."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                found = _REGION.search(self.headers.get("Authorization", ""))
                target = self.headers.get("X-Amz-Target", "")
                status, content = endpoint.answer(target, found[1] if found else "", body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
