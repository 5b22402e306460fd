# SPDX-License-Identifier: Apache-2.0
"""What must hold on a fleet that nothing happens to any more: rows, processes, mounts, networks, groups and logs say the same."""
import glob
import json
import os
import re
import time

from support import run as r

QUIET = 300


def groups():
    """Task id -> processes in its groups, of every task of this machine."""
    found = {}
    for folder in glob.glob("/sys/fs/cgroup/*/slipway/*/") + glob.glob("/sys/fs/cgroup/slipway/*/"):
        pids = found.setdefault(os.path.basename(folder.rstrip("/")), {})
        for path in [folder] + glob.glob(folder + "*/"):
            try:
                with open(path + "cgroup.procs", encoding="utf-8") as f:
                    for pid in f.read().split():
                        pids.setdefault(pid, path)
            except OSError:
                continue
    return found


def mounts(agent, folder):
    """As the agent sees them: it may have a mount namespace of its own."""
    with open("/proc/%d/mountinfo" % agent.process.pid, encoding="utf-8", errors="replace") as f:
        points = [line.split()[4] for line in f]
    return [p for p in points if p.startswith(os.path.realpath(agent.data) + "/" + folder + "/")]


class Checks:
    def __init__(self, world):
        self.w = world
        self.ecs = world.server.boto("ecs")
        self.cluster = world.instances()[0]["containerInstanceArn"].split("/")[1]

    def all(self):
        self.services_are_as_wanted()
        self.standalone_tasks_are_known_and_ran_once()
        for name in ("containers", "folders", "leases", "veths", "rules", "groups"):
            self.eventually(name, getattr(self, name + "_too_many"))
        self.lines_are_whole()

    def eventually(self, what, problems, seconds=QUIET):
        until = time.monotonic() + seconds
        while True:
            found = problems()
            if not found:
                return
            assert time.monotonic() < until, "%s, %d s after all was healed: %s" % (what, seconds, found)
            time.sleep(0.5)

    def tasks(self, **more):
        arns = []
        for page in self.ecs.get_paginator("list_tasks").paginate(cluster=self.cluster, **more):
            arns += page["taskArns"]
        out = []
        for at in range(0, len(arns), 100):
            out += self.ecs.describe_tasks(cluster=self.cluster, tasks=arns[at:at + 100])["tasks"]
        return out

    def services_are_as_wanted(self):
        def wrong():
            found = self.ecs.describe_services(cluster=self.cluster, services=sorted(self.w.services))["services"]
            bad = []
            for s in found:
                want = self.w.services[s["serviceName"]]
                want = len(self.w.agents) if want is None else want
                live = self.tasks(serviceName=s["serviceName"])
                if (s["runningCount"], s["pendingCount"], len(s["deployments"])) != (want, 0, 1) or len(live) != want or any(
                        t["lastStatus"] != "RUNNING" for t in live):
                    bad.append((s["serviceName"], want, s["runningCount"], s["pendingCount"], [d["status"] for d in s["deployments"]],
                                [(t["taskArn"][-6:], t["lastStatus"], t["desiredStatus"]) for t in live],
                                [e["message"] for e in s["events"][:4]]))
            return bad
        self.eventually("services", wrong, 150)

    def standalone_tasks_are_known_and_ran_once(self):
        """Acknowledged tasks are there, come to their end, and say the truth about it."""
        from chaos import KINDS  # pylint: disable=import-outside-toplevel,cyclic-import
        open_tasks = {arn: (mark, kind) for mark, (kind, arn) in self.w.tasks.items() if arn}

        def unfinished():
            arns, bad = sorted(open_tasks), []
            for at in range(0, len(arns), 100):
                out = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns[at:at + 100])
                bad += [("forgotten", f) for f in out["failures"]]
                for t in out["tasks"]:
                    if t["lastStatus"] == "STOPPED":
                        self.check_end(t, *open_tasks.pop(t["taskArn"]), KINDS)
                    else:
                        bad.append((t["taskArn"], t["lastStatus"], t["desiredStatus"]))
            return bad
        self.eventually("standalone tasks", unfinished)
        for mark in self.w.tasks:
            assert self.marks(mark).count("begin") <= 1, "%s ran twice: %s" % (mark, self.marks(mark))
        self.w.tasks = {mark: t for mark, t in self.w.tasks.items() if not t[1]}

    def marks(self, mark):
        try:
            with open(os.path.join(self.w.marks, mark), encoding="utf-8") as f:
                return f.read().split()
        except OSError:
            return []

    def check_end(self, task, mark, kind, kinds):
        lines, container = self.marks(mark), task["containers"][0]
        code, task_id = container.get("exitCode"), task["taskArn"].rsplit("/", 1)[1]
        if task["stoppedReason"].startswith("ContainerNetworkingError"):  # its cable was taken
            self.w.wounded.add(task_id)
        said = (task["stopCode"], task["stoppedReason"], code, container.get("reason"), lines, task_id)
        assert lines in ([], ["begin"], ["begin", "end"]), ("ran twice", said)
        if code == kinds[kind][1] and lines != ["begin", "end"]:
            raise AssertionError("an exit code of nothing: %r" % (said,))
        if code is None:
            assert container.get("reason") or task["stoppedReason"], ("no word about its end", said)
            assert "end" not in lines or task_id in self.w.wounded, ("its exit code was lost", said)
        elif code != kinds[kind][1]:
            assert task_id in self.w.wounded, ("a wrong exit code", said)
        if task["stopCode"] == "TaskFailedToStart":
            assert not lines, ("it started", said)
            self.w.say("  not started: %s" % task["stoppedReason"][:160])

    # -- nothing too many

    def holders(self):
        """Of namespaces that a task's containers share: beside them, watched by nobody."""
        found = set()
        for a in self.w.agents:
            for path in glob.glob(a.data + "/tasks/*/state.json"):
                with open(path, encoding="utf-8") as f:
                    found.add(json.load(f).get("holder"))
        return found - {None}

    def running(self):
        return {t["taskArn"].rsplit("/", 1)[1] for t in self.tasks()}

    def known(self):
        """Every task that any of these machines ever had, as far as it has not forgotten it."""
        return {os.path.basename(d) for a in self.w.agents for d in glob.glob(a.data + "/tasks/*")} | self.running()

    def containers_too_many(self):
        counts = {t["taskArn"].rsplit("/", 1)[1]: len(t["containers"]) for t in self.tasks()}
        running, known, holders, bad = set(counts), self.known(), self.holders(), []
        live = {t: {path.rstrip('/').rsplit('/', 1)[1] for path in p.values()} for t, p in groups().items() if p and t in known}
        for task, ids in live.items():
            if ids <= holders:
                bad.append((task, "nothing but a holder"))
            ids -= holders
        for task in running - set(live):
            bad.append((task, "RUNNING without a container"))
        for task in set(live) - running:
            bad.append((task, "not RUNNING, with processes", live[task]))
        for task, ids in live.items():
            if len(ids) > counts.get(task, len(ids)):
                bad.append((task, "containers too many", ids))
        monitors = [line.split("/tasks/", 1)[1].split("/", 1)[0] for _, line in r.processes()
                    if line.split(" ")[0].endswith("conmon") and any(a.data + "/" in line for a in self.w.agents) and
                    not any(h in line for h in holders)]
        if set(monitors) != running or len(monitors) != sum(len(ids) for ids in live.values()):
            bad.append(("monitors", set(monitors) ^ running, len(monitors), live))
        return bad

    def folders_too_many(self):
        """Of the runtime, and mounts."""
        running, holders, bad = self.running(), self.holders(), []
        for a in self.w.agents:
            for m in mounts(a, "tasks") + mounts(a, "mounts"):
                if os.path.relpath(m, os.path.realpath(a.data)).split("/")[1] not in running:
                    bad.append(("mount", m))
            for d in glob.glob(a.data + "/tasks/*/containers/*/*"):
                if d.split("/")[-4] not in running and os.path.basename(d) in ("upper", "rootfs", "work"):
                    bad.append(("folder", d))
            ids = {name: set(os.listdir(a.data + "/runtime/" + name)) for name in ("containers", "runtime", "exits", "sock")}
            ids["runtime"] |= self.w.forgotten & ids["containers"]
            if ids["containers"] != ids["runtime"] or ids["exits"]:
                bad.append(("runtime", a.i, "ours alone", ids["containers"] - ids["runtime"], "its alone", ids["runtime"] - ids["containers"],
                            ids["exits"], [self.about(a, i) for i in ids["containers"] ^ ids["runtime"]]))
            held = {h for h in holders if os.path.exists(a.data + "/runtime/containers/" + h)}
            with_monitor = {i for i in ids["containers"] for _, line in r.processes() if line.split(" ")[0].endswith("conmon") and i in line}
            if ids["containers"] - held != with_monitor - held:
                bad.append(("runtime", a.i, ids["containers"] ^ with_monitor))
            if ids["sock"] - ids["containers"]:
                bad.append(("sockets", a.i, ids["sock"] - ids["containers"]))
        return bad

    @staticmethod
    def about(a, container):
        """Whose it is, and what is there of it."""
        tasks = []
        for path in glob.glob(a.data + "/tasks/*/state.json"):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            tasks += [text] if container in text else []
        return tasks, glob.glob(a.data + "/runtime/*/" + container + "/*")

    def leases(self, a):
        return {os.path.basename(p)[:-5] for p in glob.glob(a.data + "/networks/net-*.json")}

    def leases_too_many(self):
        bad, running = [], self.running()
        for a in self.w.agents:
            used = set()
            for path in glob.glob(a.data + "/tasks/*/state.json"):
                with open(path, encoding="utf-8") as f:
                    if path.split("/")[-2] in running:
                        used |= {c["lease"] for c in json.load(f)["containers"] if c.get("lease")}
            leases = self.leases(a)
            if used - leases or len(leases - used) > 2:  # two are kept ready
                bad.append((a.i, "missing", used - leases, "too many", leases - used))
            mounted = {os.path.basename(m) for m in mounts(a, "networks")}
            if mounted != leases:
                bad.append((a.i, "namespaces", mounted ^ leases))
            held = set()
            for path in glob.glob(a.data + "/networks/addresses/*/*.*.*.*"):
                with open(path, encoding="utf-8") as f:
                    held.add(f.read().split()[0] if os.path.getsize(path) else path)
            if held != leases:
                bad.append((a.i, "addresses", held ^ leases))
        return bad

    def veths_too_many(self):
        bad = []
        for a in self.w.agents:
            there = re.findall(r"^\d+: (veth\w+)@", self.w.inside(a, "ip", "-o", "link"), re.M)
            if len(there) != len(self.leases(a)):
                bad.append((a.i, len(there), len(self.leases(a))))
        return bad

    def rules_too_many(self):
        bad = []
        for a in self.w.agents:
            rules, leases = self.w.inside(a, "iptables", "-t", "nat", "-S"), self.leases(a)
            ids = set(re.findall(r'id: \\?"(net-\w+)', rules))
            if ids - leases:
                bad.append((a.i, "of no lease", [line for line in rules.splitlines() if any(i in line for i in ids - leases)]))
            chains = set(re.findall(r"^-N (CNI-\S+)", rules, re.M)) - {"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"}
            reached = set(re.findall(r"-j (CNI-\S+)", rules))
            if chains - reached:
                bad.append((a.i, "chains that nothing leads to", chains - reached))
        return bad

    def groups_too_many(self):
        known, running = self.known(), self.running()
        return sorted((set(groups()) & known) - running)

    # -- logs

    def lines_are_whole(self):
        """Of the containers that live: each line once, in order."""
        logs = self.w.server.boto("logs")
        for task in self.tasks(serviceName="lines"):
            stream = "s/c/" + task["taskArn"].rsplit("/", 1)[1]
            got, token = [], None
            while True:
                more = {"nextToken": token} if token else {"startFromHead": True}
                page = logs.get_log_events(logGroupName="chaos", logStreamName=stream, **more)
                got += [e["message"] for e in page["events"]]
                if page["nextForwardToken"] == token:
                    break
                token = page["nextForwardToken"]
            assert got == ["line %d" % i for i in range(1, len(got) + 1)], (stream, got[:5], got[-5:])
