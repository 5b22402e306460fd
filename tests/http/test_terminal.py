# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 5
"""slipway top, ps and events as somebody at a terminal has them: in a small window, into a pipe that is closed, onto a full disk, and of
what is not there."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

from support import run as r
from support.fleet import Fleet

ROWS, COLUMNS = 12, 50


@pytest.fixture(scope="module")
def fleet(server):
    f = Fleet(server, "terminal")
    for name in ("a", "b"):
        f.join(name, memory=10000)
    f.define("f" * 200)
    for _ in range(4):
        f.run("f" * 200, 10)
    return f


def screens(env, argv, count):
    """What is drawn from the first of that many times that the cursor goes home on."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen([r.BIN] + argv, env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    text, until = "", time.monotonic() + 20 * r.PATIENCE
    try:
        while text.count("\x1b[H") <= count:
            assert time.monotonic() < until, text
            if select.select([master], [], [], 0.2)[0]:
                text += os.read(master, 65536).decode()
    finally:
        process.kill()
        process.wait(50)
        os.close(master)
    return text.split("\x1b[H")[1:count + 1]


def test_top_fits_its_window(server, fleet):
    env = server.env(SLIPWAY_DATA=server.data)
    for screen in screens(env, ["top", "--cluster", fleet.cluster, "--interval", "200ms"], 2):
        lines = re.sub("\x1b\\[[JK]", "", screen).split("\r\n")
        assert len(lines) == ROWS and max(len(line) for line in lines) <= COLUMNS, screen
        assert lines[0].startswith("INSTANCE") and lines[4].startswith("TASK")
        assert lines[-1] == "... 34 more: --once prints all"
    assert len(server.slipway("top", "--once", "--cluster", fleet.cluster).stdout.splitlines()) == 45


def test_output_that_nobody_takes(server, fleet):
    env = server.env(SLIPWAY_DATA=server.data)
    process = subprocess.Popen([r.BIN, "top", "--cluster", fleet.cluster, "--interval", "100ms"], env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(20 * r.PATIENCE) == 1
    process.stderr.close()
    with open("/dev/full", "w", encoding="utf-8") as full:
        p = subprocess.run([r.BIN, "ps", "--cluster", fleet.cluster], env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (p.returncode, p.stderr) == (1, "slipway: standard output cannot be written\n")


def test_of_what_is_not_there(server, fleet):
    for argv, words in ((["ps", "--cluster", "nowhere"], "Cluster not found."), (["top", "--once", "--cluster", "nowhere"], "Cluster not found."),
                        (["events", "--cluster", fleet.cluster, "--service", "none"], "There is no service none")):
        p = server.slipway(*argv, check=False)
        assert p.returncode == 1 and p.stdout == "" and words in p.stderr, (argv, p)
