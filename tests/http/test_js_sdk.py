# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 67
"""The AWS SDK for JavaScript, current versions from npm: it writes header names in lower case, signs more headers than others, with the
hash of the body as one of them, and sends text as UTF-8. The scripts are in tests/http/js/; those in js/up/ run tasks."""
import json
import os
import shutil
import subprocess

import pytest

from support import run as r
from support.tasks import Tasks

PACKAGES = ["@aws-sdk/" + name for name in ("client-ecr", "client-iam", "client-sts", "client-ecs", "credential-providers")] + [
    "ssm-session@1.0.6", "ws@8"]
SCRIPTS = os.path.join(r.HERE, "..", "js")


@pytest.fixture(scope="session")
def sdk(tmp_path_factory):
    """A folder with the packages, installed once for all tests."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip("the program %s is missing" % program)
    folder = tmp_path_factory.mktemp("js-sdk")
    try:
        p = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--engine-strict",
                            "--loglevel=error", "--prefix", str(folder)] + PACKAGES, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install the SDK within 180 s")
    if p.returncode != 0:
        pytest.skip("npm could not install the SDK: " + p.stdout[-300:])
    yield str(folder)
    r.remove_tree(str(folder))


@pytest.mark.parametrize("script", sorted(n[:-4] for n in os.listdir(SCRIPTS) if n.endswith(".mjs") and n != "sdk.mjs"))
def test_script(server, sdk, script):
    env = r.clean_env(server.home, SDK=sdk, ENDPOINT=server.endpoint, KEY=json.dumps(server.admin), SLIPWAY=r.BIN,
                      SLIPWAY_DATA=server.data)
    r.run([shutil.which("node"), os.path.join(SCRIPTS, script + ".mjs"), "js-" + script], timeout=120, env=env)


@pytest.fixture(scope="module")
def image(up):
    return Tasks(up).image


@pytest.mark.parametrize("script", sorted(n[:-4] for n in os.listdir(os.path.join(SCRIPTS, "up"))))
def test_script_with_tasks(up, sdk, image, script):
    env = r.clean_env(up.home, SDK=sdk, ENDPOINT=up.endpoint, KEY=json.dumps(up.admin), IMAGE=image)
    r.run([shutil.which("node"), os.path.join(SCRIPTS, "up", script + ".mjs"), "js-" + script], timeout=240, env=env)
