# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests/http and tests/fault: one server per test file, one image build per session."""
import itertools

import pytest

from support import images
from support import run as r
from support.dockerd import Dockerd
from support.server import Server
from support.tasks import Tasks

_numbers = itertools.count(1)


def _running(*args, **more):
    s = Server(*args, **more)
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="module")
def server():
    """slipway serve with its defaults."""
    yield from _running("serve")


@pytest.fixture(scope="module")
def sparse_server():
    """slipway serve that takes manifests whose parts are missing."""
    yield from _running("serve", env={"SLIPWAY_ALLOW_SPARSE_MANIFESTS": "true"})


@pytest.fixture(scope="module")
def up():
    """slipway up: with an agent, a bridge and a subnet of its own."""
    r.need_root()
    for program in ("runc", "conmon", "busybox"):
        r.need_program(program)
    yield from _running("up")


@pytest.fixture(scope="module")
def tasks(up):
    return Tasks(up)


@pytest.fixture(scope="session")
def dockerd():
    d = Dockerd()
    try:
        yield d.start()
    finally:
        r.show_log("log of dockerd", d.log)
        d.close()


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A folder for what the whole session builds; the system's temporary folder, removed at the end."""
    folder = tmp_path_factory.mktemp("images")
    yield folder
    r.remove_tree(str(folder))


@pytest.fixture(scope="session")
def busybox_image():
    return images.busybox()


@pytest.fixture(scope="session")
def busybox_layout(work, busybox_image):
    return busybox_image.write_layout(str(work / "busybox"))


@pytest.fixture(scope="session")
def large_image(work):
    folder = work / "large-layers"
    folder.mkdir()
    return images.large(str(folder))


@pytest.fixture(scope="session")
def large_layout(work, large_image):
    return large_image.write_layout(str(work / "large"))


@pytest.fixture
def name():
    """A repository or family name that no other test of this session uses."""
    return "t%d" % next(_numbers)


@pytest.fixture
def repository(server, name):
    server.create_repository(name)
    return name
