# SPDX-License-Identifier: Apache-2.0
"""Where the program is, a clean environment, bounded waits, and processes that are ended by their id."""
import os
import shutil
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("SLIPWAY_SOURCE_DIR") or os.path.normpath(os.path.join(HERE, "../../.."))
BIN = os.environ.get("SLIPWAY_BIN") or os.path.join(SOURCE, "build/release/slipway")
LONG = os.environ.get("SLIPWAY_TEST_LONG") == "1"
PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
REGION = "us-east-1"
ACCOUNT = "000000000000"
PATIENCE = 5  # how many times as long as it should take may it take, on a machine that has much else to do


def clean_env(home, **more):
    """Nothing of the caller's AWS, Docker or slipway settings."""
    env = {"PATH": PATH, "HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TMPDIR": "/tmp",
           "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update({k: str(v) for k, v in more.items()})
    return env


def need_root(why="containers need namespaces, mounts and cgroups"):
    if os.geteuid() != 0:
        pytest.skip("not root: " + why)


def need_program(name):
    """The Debian program, never one from elsewhere on the caller's PATH."""
    for folder in ("/usr/bin", "/usr/sbin", "/usr/local/bin"):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    pytest.skip("the program %s is missing" % name)
    return None


def run(argv, env=None, check=True, timeout=120, stdin=None, cwd=None):
    """CompletedProcess with text output; a failure shows the command and what it said."""
    p = subprocess.run([str(a) for a in argv], env=env, input=stdin, cwd=cwd, timeout=timeout * PATIENCE, check=False,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    if check and p.returncode != 0:
        raise AssertionError("%s\nexit status %d\n%s%s" % (
            " ".join(str(a) for a in argv)[:400], p.returncode, p.stdout[-4000:], p.stderr[-4000:]))
    return p


def wait_for(condition, seconds=20, every=0.05, what="condition"):
    """The first true value of condition(), which should take no longer than that; fails when it never comes."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("after %d s: no %s (last: %r)" % (seconds, what, value))
        time.sleep(every)


def end(process, signal_number, seconds):
    """Sends the signal and waits; kills when that takes too long. Returns (exit status, in time)."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        return process.wait(seconds * PATIENCE), True
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(10), False


def alive(pid):
    """Running, not a zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def processes():
    """(pid, command line) of every process."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as f:
                    yield int(name), f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            except OSError:
                continue


def mounts_below(folder):
    """Mount points in that folder, deepest first."""
    folder = os.path.realpath(folder)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as f:
        points = [line.split()[4].replace("\\040", " ") for line in f]
    return sorted((p for p in points if p == folder or p.startswith(folder + "/")), key=len, reverse=True)


def remove_tree(folder):
    for point in mounts_below(folder):
        subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)


def tail(path, lines=60):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except OSError:
        return ""


def show_log(title, path):
    text = tail(path)
    if text:
        sys.stdout.write("--- %s\n%s" % (title, text))
