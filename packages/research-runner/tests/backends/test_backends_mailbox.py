"""What runs in the processes of Ray, without Ray; and how it is noticed that Ray is gone."""

import asyncio
import contextlib
import socket
import sys
from types import SimpleNamespace

import pytest

from research_runner.backends.cluster.ray.heartbeat import Heartbeat
from research_runner.backends.cluster.ray.mailbox import Mailbox, relay
from research_runner.errors import EngineLostError
from research_runner.testing import wait_until


def test_orders_are_kept_in_the_order_in_which_they_were_sent():
    async def use():
        mailbox = Mailbox(8)
        for sequence, data in ((2, b"c"), (0, b"a"), (1, b"b")):
            await mailbox.command(sequence, 5, data)
        return await mailbox.commands(5)

    assert asyncio.run(use()) == [b"a", b"b", b"c"]


def test_nobody_waits_for_orders_of_an_agent_that_is_dismissed():
    async def use():
        mailbox = Mailbox(8)
        waiting = asyncio.ensure_future(mailbox.commands(1))
        await asyncio.sleep(0)
        await mailbox.dismiss(1)
        await mailbox.command(0, 1, b"too late")
        return await waiting, await mailbox.commands(1)

    assert asyncio.run(use()) == (None, None)


def test_events_wait_when_there_are_too_many():
    async def use():
        mailbox = Mailbox(2)
        reporting = asyncio.ensure_future(mailbox.report([b"1", b"2", b"3"]))
        await asyncio.sleep(0)
        full = reporting.done()
        first = await mailbox.events()
        await reporting
        return full, first, await mailbox.events()

    assert asyncio.run(use()) == (False, [b"1", b"2"], [b"3"])


class Remote:
    """Methods of an actor that are called at once."""

    def __init__(self, **methods):
        for name, method in methods.items():
            setattr(self, name, SimpleNamespace(remote=method))


def test_agent_that_cannot_begin_says_why(monkeypatch):
    class RayError(Exception):
        pass

    ray = SimpleNamespace(get=lambda value: value, exceptions=SimpleNamespace(RayError=RayError))
    monkeypatch.setitem(sys.modules, "ray", ray)
    mailbox = Remote(commands=lambda number: None, dismiss=lambda number: None)
    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        relay(0, mailbox, "no_such_module")


def listen(port=0):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


def test_heartbeat_is_connected_again_after_a_while():
    with listen() as server:
        heartbeat = Heartbeat("the engine", f"127.0.0.1:{server.getsockname()[1]}", 3600)
        server.accept()[0].close()
        server.setblocking(False)

        def is_connected():
            heartbeat.check()
            with contextlib.suppress(BlockingIOError):
                server.accept()[0].close()
                return True

        wait_until(is_connected)
    heartbeat.close()


def test_heartbeat_is_lost_when_nobody_listens_any_more():
    with listen() as server:
        heartbeat = Heartbeat("the engine", f"127.0.0.1:{server.getsockname()[1]}", -1)
        server.accept()[0].close()
    with pytest.raises(EngineLostError, match=r"the engine.*has not answered"):
        while True:
            heartbeat.check()
    heartbeat.close()


def test_only_agents_that_have_begun_are_waited_for():
    async def use():
        mailbox, loop = Mailbox(8), asyncio.get_running_loop()
        running, waiting = loop.create_future(), loop.create_future()
        await mailbox.follow(1, [running])
        await mailbox.follow(2, [waiting])
        commands = asyncio.ensure_future(mailbox.commands(1))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(mailbox.close(3600))
        await commands
        running.set_result(None)
        await closing
        waiting.cancel()
        return await mailbox.events()

    assert asyncio.run(use()) == [(1, "its agent ended")]
