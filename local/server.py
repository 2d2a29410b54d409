"""The embedded cloud's process: MiniStack with a model of WorkSpaces in it, on loopback, until its parent goes.

``python -m local.server`` listens on a free port of 127.0.0.1, writes one line of JSON ({"port", "pid", "nameserver"})
to standard output and ends when its standard input does, so that it never outlives whoever started it, which is
:class:`local.cloud.Cloud`.

Environment: STANDBY_ACCOUNT (the account), STANDBY_WORLD (JSON settings of the world), AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY (the root user's), STANDBY_HOME (a directory of its own, which it removes at the end).
"""

import asyncio
import functools
import json
import os
import shutil
import socket
import sys
import threading
import traceback
from typing import Any

from local.nameserver import NameServer

_FIXED_ENVIRONMENT = {
    "AUTH": "true",
    "BIND_HOST": "127.0.0.1",
    "MINISTACK_HOST": "127.0.0.1",
    # no listener but the one, and no container
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",
}
_SILENT_SECONDS = 600.0


def main() -> None:
    """Run until standard input ends."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    port = listener.getsockname()[1]
    account = os.environ.get("STANDBY_ACCOUNT", "123456789012")
    # MiniStack reads its environment when it is imported.
    os.environ.update(_FIXED_ENVIRONMENT, GATEWAY_PORT=str(port), MINISTACK_ACCOUNT_ID=account)
    names = NameServer()
    application = _application(account, json.loads(os.environ.get("STANDBY_WORLD", "{}")), names)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "INFO")
    config.graceful_timeout = 1
    config.shutdown_timeout = 1

    async def run() -> None:
        orphaned = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=_await_end_of_input, args=(loop, orphaned), daemon=True).start()
        print(json.dumps({"port": port, "pid": os.getpid(), "nameserver": names.port}), flush=True)
        await serve(application, config, shutdown_trigger=orphaned.wait)

    from local import ministack_patches

    status = 1
    try:
        asyncio.run(run())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        ministack_patches.stop_functions()
        if status == 0:  # else the log in there is wanted
            shutil.rmtree(os.environ["STANDBY_HOME"], ignore_errors=True)
        # Threads of the emulator may be in the middle of a wait of minutes.
        os._exit(status)


def _await_end_of_input(loop: asyncio.AbstractEventLoop, orphaned: asyncio.Event) -> None:
    while sys.stdin.buffer.read(1):
        pass
    loop.call_soon_threadsafe(orphaned.set)


def _application(account: str, settings: dict[str, Any], names: NameServer) -> Any:
    from local import (
        directory_service,
        ministack_account,
        ministack_delivery,
        ministack_patches,
        ministack_tables,
        service_quotas,
    )
    from local.connections import Connections, Request
    from local.control import Control, Emulator
    from local.gateway import Gateway
    from local.model_service import ModelService
    from local.notices import Notices
    from local.outages import Outages
    from local.workspaces import OffsetClock, World
    from local.workspaces_service import WorkspacesService

    ministack_patches.check()
    world = World(OffsetClock(), account=account, **settings)
    world.subscribe(lambda event: threading.Thread(target=ministack_patches.deliver_event, args=(event,)).start())
    quotas = ModelService("servicequotas", lambda _, *call: service_quotas.answer(world, *call))
    ministack_patches.add_service("servicequotas", service_quotas.TARGET_PREFIX, quotas.handle_request)
    directories = ModelService("ds", lambda *call: directory_service.answer(world, *call))
    ministack_patches.add_service("ds", directory_service.TARGET_PREFIX, directories.handle_request)
    service = WorkspacesService(world)
    ministack_patches.add_service("workspaces", "WorkspacesService", service.handle_request)
    # In place of the emulator's own, which knows of no WorkSpaces.
    ministack_patches.add_service("tagging", "ResourceGroupsTaggingAPI_20170126", service.handle_request)
    connections, outages, notices = Connections(), Outages(), Notices()

    def denies(action: str, region: str, access_key: str) -> bool:
        prefix, _, operation = action.partition(":")
        function = ministack_patches.function_of(access_key)
        return connections.denies(Request(prefix, region, operation, access_key, function, b""))

    ministack_patches.apply()
    ministack_patches.run_functions_only_where(outages)
    ministack_tables.apply(float(os.environ["STANDBY_WINDOW_SCALE"]), outages)
    ministack_delivery.apply(outages)
    ministack_account.apply(world, denies, notices.publish)
    threading.Thread(target=_keep_time, args=(world,), daemon=True).start()
    emulator = Emulator(
        ministack_patches.fire_schedules,
        ministack_patches.functions,
        ministack_account.confirm_subscriptions,
        functools.partial(ministack_account.add_key, account),
        functools.partial(ministack_tables.load_items, account),
    )
    control = Control(world, connections, outages, notices, names, emulator)
    application, function_of = ministack_patches.application(), ministack_patches.function_of
    return Gateway(application, control, connections, outages, function_of, _SILENT_SECONDS)


def _keep_time(world: Any) -> None:
    """Let what is due in the world happen even when nobody calls it: CloudTrail's late events."""
    pause = threading.Event()
    while not pause.wait(0.1):
        world.settle()


if __name__ == "__main__":
    main()
