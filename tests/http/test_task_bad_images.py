# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""Images that mean harm: each is refused or rendered harmless, the task says why, the host is untouched, the next task runs."""
import gzip
import os
import tarfile

import pytest

from support import images

LINK, SYMLINK, DEVICE, FOLDER = tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE


@pytest.fixture
def victim(tmp_path):
    """A folder of the host that no layer may reach; the next task must still run."""
    (tmp_path / "secret").write_text("untouched")
    yield tmp_path
    assert os.listdir(str(tmp_path)) == ["secret"]
    assert (tmp_path / "secret").read_text() == "untouched"
    assert os.stat(str(tmp_path / "secret")).st_nlink == 1


def image_with(entries):
    return images.Image([images.layer(images.busybox_entries()), images.layer(entries)], {"Env": ["PATH=/bin"]})


def attempt(tasks, name, image, command="ls -la /; cat /escape /link/secret 2>/dev/null; true", **more):
    arn = tasks.start(name, dict({"image": tasks.push(image, name), "command": command}, **more))
    return tasks.wait_stopped(arn, 60), tasks.logs(arn)


def escapes(victim):
    up, away = "../" * 12, str(victim)
    return {
        "dot-dot": [(up + away[1:] + "/new", b"x", 0o644)],
        "dot-dot inside": [("etc/" + up + away[1:] + "/new", b"x", 0o644)],
        "absolute": [(away + "/new", b"x", 0o644)],
        "through an absolute symlink": [("link", {"type": SYMLINK, "linkname": away}, 0o777), ("link/new", b"x", 0o644)],
        "through a relative symlink": [("link", {"type": SYMLINK, "linkname": up + away[1:]}, 0o777), ("link/new", b"x", 0o644)],
        "folder over a symlink": [("link", {"type": SYMLINK, "linkname": away}, 0o777), ("link/sub", {"type": FOLDER}, 0o755)],
        "hard link to the host": [("escape", {"type": LINK, "linkname": up + away[1:] + "/secret"}, 0o644)],
        "hard link, absolute": [("escape", {"type": LINK, "linkname": away + "/secret"}, 0o644)],
        "hard link through a symlink": [("link", {"type": SYMLINK, "linkname": away}, 0o777),
                                        ("escape", {"type": LINK, "linkname": "link/secret"}, 0o644)],
        "whiteout outside": [("link", {"type": SYMLINK, "linkname": away}, 0o777), ("link/.wh.secret", b"", 0o644)],
        "whiteout of dot-dot": [("etc/.wh...", b"", 0o644), (".wh..", b"", 0o644)],
        "opaque outside": [("link", {"type": SYMLINK, "linkname": away}, 0o777), ("link/.wh..wh..opq", b"", 0o644)],
        "write through a file symlink": [("escape", {"type": SYMLINK, "linkname": away + "/secret"}, 0o777), ("escape", b"overwritten", 0o644)],
    }


@pytest.mark.parametrize("case", sorted(escapes("/x")))
def test_layer_cannot_escape(tasks, name, victim, case):
    """Refused, or the entry landed inside the container's own root."""
    task, text = attempt(tasks, name, image_with(escapes(victim)[case]))
    if task["stopCode"] == "TaskFailedToStart":
        assert "CannotPull" in task["stoppedReason"] + task["containers"][0].get("reason", "")
    else:
        assert "untouched" not in text


def test_the_next_task_runs_after_a_hostile_one(tasks, name):
    assert tasks.output(name, "echo fine") == "fine\n"


def test_decompression_bomb(tasks, name, up):
    """1 GiB of zeros in 1 MiB is within the ratio; 64 GiB and more is refused before the disk is full."""
    bomb = gzip.compress(b"\0" * (16 << 20), 9) * 4000  # 62.5 GiB from 65 MB: concatenated members
    layer = (images.OCI_GZIP, bomb, "sha256:" + "0" * 64)
    free = images.free_space(up.data)
    task, _ = attempt(tasks, name, images.Image([images.layer(images.busybox_entries()), layer]))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPull" in task["stoppedReason"] + task["containers"][0].get("reason", "")
    assert free - images.free_space(up.data) < 4 << 30


def test_layer_whose_diff_id_is_wrong(tasks, name):
    kind, data, _ = images.layer([("etc/evil", b"x", 0o644)])
    image = images.Image([images.layer(images.busybox_entries()), (kind, data, images.digest(b"another"))])
    task, text = attempt(tasks, name, image, "ls /etc")
    assert task["stopCode"] == "TaskFailedToStart" and text == ""
    assert "CannotPull" in task["stoppedReason"] + task["containers"][0].get("reason", "")


@pytest.mark.parametrize("kind", ("not gzip", "cut gzip", "cut tar", "gzip with rubbish behind"))
def test_broken_layer(tasks, name, kind):
    media_type, good, diff_id = images.layer([("a", os.urandom(100000), 0o644)])
    data = {"not gzip": b"hello", "cut gzip": good[:-2000], "cut tar": gzip.compress(gzip.decompress(good)[:-60000]),
            "gzip with rubbish behind": good + b"rubbish"}[kind]
    if kind == "cut tar":
        diff_id = images.digest(gzip.decompress(data))
    task, _ = attempt(tasks, name, images.Image([images.layer(images.busybox_entries()), (media_type, data, diff_id)]))
    assert task["stopCode"] == "TaskFailedToStart" or kind == "gzip with rubbish behind"


@pytest.mark.parametrize("config, words", (
    ({"User": "nobody-here"}, "nobody-here"), ({"User": "-1"}, "-1"), ({"User": "99999999999999999999"}, "99999"),
    ({"User": "root:no-such-group"}, "no-such-group"), ({"User": "a\nb"}, ""),
    ({"WorkingDir": "relative/path"}, ""), ({"WorkingDir": "/etc/passwd"}, ""),
    ({"Entrypoint": "not a list"}, ""), ({"Env": ["=x"]}, ""), ({"Env": [5]}, "")))
def test_hostile_configuration(tasks, name, config, words):
    task, _ = attempt(tasks, name, images.busybox(config), ["true"])
    if task["stopCode"] == "TaskFailedToStart":
        text = task["stoppedReason"] + task["containers"][0].get("reason", "")
        assert "Cannot" in text and words in text
    else:
        assert not words and "exitCode" in task["containers"][0]


def test_working_directory_cannot_leave_the_root(tasks, name, victim):
    entries = [("link", {"type": SYMLINK, "linkname": str(victim)}, 0o777)]
    image = images.Image([images.layer(images.busybox_entries()), images.layer(entries)],
                         {"Env": ["PATH=/bin"], "WorkingDir": "/link/made"})
    attempt(tasks, name, image, ["true"])


@pytest.mark.parametrize("path", ("/../../VICTIM", "/link", "/link/sub", "/proc", "/proc/sys", "/"))
def test_volume_path_cannot_leave_the_root(tasks, name, victim, path):
    """The mount lands inside the container's root or the container is refused; never on the host."""
    entries = [("link", {"type": SYMLINK, "linkname": str(victim)}, 0o777)]
    path = path.replace("/VICTIM", str(victim))
    image = tasks.push(image_with(entries), name)
    try:
        arn = tasks.start(name, {"image": image, "command": "touch '%s/new'" % path,
                                 "mountPoints": [{"sourceVolume": "v", "containerPath": path}]}, volumes=[{"name": "v"}])
    except tasks.ecs.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] in ("ClientException", "InvalidParameterException")
        return
    tasks.wait_stopped(arn)


def test_device_nodes_of_a_layer_are_not_usable(tasks, name):
    entries = [("mem", {"type": DEVICE, "devmajor": 1, "devminor": 1}, 0o666)]
    task, text = attempt(tasks, name, image_with(entries), "head -c 1 /mem >/dev/null 2>&1 && echo READ; echo done")
    assert "READ" not in text
    assert task["stopCode"] in ("TaskFailedToStart", "EssentialContainerExited")


def test_setuid_program_gains_nothing(tasks, name):
    """No new privileges: a setuid shell of the image stays the caller."""
    with open("/bin/busybox", "rb") as f:
        program = f.read()
    image = image_with([("bin/idroot", program, 0o4755)])
    _, text = attempt(tasks, name, image, "cp /bin/idroot /tmp/id 2>/dev/null; /bin/busybox id -u; exec -a id /bin/idroot -u 2>/dev/null || true",
                      user="1000")
    assert text.split()[0] == "1000" and "0" not in text.split()
