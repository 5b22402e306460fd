# SPDX-License-Identifier: Apache-2.0
"""Images made from what Debian installed: busybox-static, and a larger one of several layers. Built once per test session, as an
OCI layout, a docker archive or a plain root folder. Everything is named by its digest and has no clock in it."""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

from support import run as r

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_TAR = "application/vnd.oci.image.layer.v1.tar"
OCI_GZIP = OCI_TAR + "+gzip"
OCI_ZSTD = OCI_TAR + "+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
APPLETS = ("sh ash cat echo ls sleep httpd nc id env pwd ps kill true false head tail dd grep hostname mkdir rm touch "
           "stat tr wc date seq printf test yes mount ip").split()


def digest(data, algorithm="sha256"):
    return algorithm + ":" + hashlib.new(algorithm, data).hexdigest()


def descriptor(media_type, data, algorithm="sha256", **more):
    return dict({"mediaType": media_type, "digest": digest(data, algorithm), "size": len(data)}, **more)


def dump(doc):
    return json.dumps(doc, separators=(",", ":")).encode()


def tar_bytes(entries):
    """entries: (name, bytes or TarInfo attributes as a dict, mode)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, content, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if isinstance(content, dict):
                for k, v in content.items():
                    setattr(info, k, v)
                t.addfile(info)
            else:
                info.size = len(content)
                t.addfile(info, io.BytesIO(content))
    return out.getvalue()


def busybox_entries():
    with open(r.need_program("busybox"), "rb") as f:
        program = f.read()
    folder = {"type": tarfile.DIRTYPE}
    entries = [(d, folder, 0o755) for d in ("bin", "etc", "home", "proc", "sys", "dev", "var", "www")]
    entries += [("tmp", folder, 0o1777), ("bin/busybox", program, 0o755)]
    entries += [("bin/" + a, {"type": tarfile.SYMTYPE, "linkname": "busybox"}, 0o777) for a in APPLETS]
    entries += [("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home:/bin/sh\n", 0o644),
                ("etc/group", b"root:x:0:\napp:x:1000:\nextra:x:2000:app\n", 0o644),
                ("www/index.html", b"<h1>served by a task</h1>\n", 0o644)]
    return entries


class Image:
    """Blobs in memory or files; layers are (media type, compressed bytes or path, diff id)."""

    def __init__(self, layers, config=None, architecture=MACHINE, docker=False):
        self.layers = layers
        self.config = dump({"architecture": architecture, "os": "linux", "config": config or {},
                            "created": "2020-01-01T00:00:00Z",
                            "rootfs": {"type": "layers", "diff_ids": [d for _, _, d in layers]},
                            "history": [{"created_by": "test"} for _ in layers]})
        self.blobs = {digest(self.config): self.config}
        described = []
        for media_type, data, _ in layers:
            if isinstance(data, bytes):
                name, size = digest(data), len(data)
            else:
                name, size = file_digest(data), os.path.getsize(data)
            self.blobs[name] = data
            described.append({"mediaType": DOCKER_LAYER if docker else media_type, "digest": name, "size": size})
        self.media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
        self.manifest = dump({"schemaVersion": 2, "mediaType": self.media_type,
                              "config": descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, self.config),
                              "layers": described})
        self.digest = digest(self.manifest)

    def push(self, http, repository, tag, check=201):
        """Over raw HTTP, into an existing repository."""
        for name, data in self.blobs.items():
            if not isinstance(data, bytes):
                with open(data, "rb") as f:
                    data = f.read()
            push_blob(http, repository, data, name)
        reply = put_manifest(http, repository, tag, self.manifest, self.media_type)
        assert reply.status == check, reply
        return reply

    def write_layout(self, folder, tag="latest"):
        os.makedirs(os.path.join(folder, "blobs/sha256"), exist_ok=True)
        for name, data in list(self.blobs.items()) + [(self.digest, self.manifest)]:
            path = os.path.join(folder, "blobs", name.replace(":", "/"))
            if isinstance(data, bytes):
                with open(path, "wb") as f:
                    f.write(data)
            elif not os.path.exists(path):
                os.link(data, path)
        index = {"schemaVersion": 2, "manifests": [dict(
            mediaType=self.media_type, digest=self.digest, size=len(self.manifest),
            annotations={"org.opencontainers.image.ref.name": tag})]}
        for name, doc in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(dump(doc))
        return folder


def write_index(folder, children, tag="latest"):
    """An OCI layout of one index over images of several platforms; returns (folder, index)."""
    for child in children:
        child.write_layout(folder)
    index = dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        descriptor(c.media_type, c.manifest, platform={"os": "linux", "architecture": json.loads(c.config)["architecture"]})
        for c in children]})
    with open(os.path.join(folder, "blobs", digest(index).replace(":", "/")), "wb") as f:
        f.write(index)
    with open(os.path.join(folder, "index.json"), "wb") as f:
        f.write(dump({"schemaVersion": 2, "manifests": [
            descriptor(OCI_INDEX, index, annotations={"org.opencontainers.image.ref.name": tag})]}))
    return folder, index


def two_platforms(folder):
    """(folder, index, images)"""
    children = [busybox(architecture=a) for a in ("amd64", "arm64")]
    return write_index(folder, children) + (children,)


def file_digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(1 << 20), b""):
            h.update(piece)
    return "sha256:" + h.hexdigest()


def layer(entries, compress="gzip"):
    data = entries if isinstance(entries, bytes) else tar_bytes(entries)
    if compress == "gzip":
        return OCI_GZIP, gzip.compress(data, 1, mtime=0), digest(data)
    if compress == "zstd":
        return OCI_ZSTD, subprocess.run(["zstd", "-q", "-1", "-c"], input=data, stdout=subprocess.PIPE,
                                        check=True).stdout, digest(data)
    return OCI_TAR, data, digest(data)


def busybox(config=None, architecture=MACHINE, more=(), docker=False):
    layers = [layer(busybox_entries())] + [layer(list(entries)) for entries in more]
    return Image(layers, dict({"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]}, **(config or {})), architecture, docker)


def busybox_root(folder):
    """The same as a plain folder."""
    with tarfile.open(fileobj=io.BytesIO(tar_bytes(busybox_entries()))) as t:
        t.extractall(folder)
    return folder


def docker_archive(path, image, tag):
    """As `docker save` writes it: uncompressed layers."""
    with tarfile.open(path, "w") as t:
        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
        config = hashlib.sha256(image.config).hexdigest() + ".json"
        add(config, image.config)
        names = []
        for i, (_, data, _) in enumerate(image.layers):
            if not isinstance(data, bytes):
                with open(data, "rb") as f:
                    data = f.read()
            names.append("%d/layer.tar" % i)
            add(names[-1], gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        add("manifest.json", dump([{"Config": config, "RepoTags": [tag], "Layers": names}]))
    return path


# Trees that every Debian with the test packages has; in order, until the wanted size is reached.
TREES = ("/usr/lib/python3", "/usr/share/perl", "/usr/lib/python3.11", "/usr/share/zoneinfo", "/usr/lib/git-core",
         "/usr/share/locale", "/usr/lib/gcc", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/include")


def _files(limit, seen):
    """Lists of regular files of about `limit` bytes each, every list from one tree."""
    for tree in TREES:
        chosen, size = [], 0
        for folder, names, files in os.walk(tree):
            names.sort()
            for name in sorted(files):
                path = os.path.join(folder, name)
                st = os.lstat(path)
                if not os.path.isfile(path) or os.path.islink(path) or st.st_ino in seen or st.st_size > limit:
                    continue
                seen.add(st.st_ino)
                chosen.append(path)
                size += st.st_size
                if size >= limit:
                    yield tree, chosen
                    chosen, size = [], 0
        if size > limit // 4:
            yield tree, chosen


def large(folder, megabytes=None):
    """busybox under six or so layers of Debian's files: 60 MB of files, 300 MB with SLIPWAY_TEST_LONG=1."""
    total = (megabytes or (300 if r.LONG else 60)) << 20
    layers, size = [layer(busybox_entries())], 0
    for number, (_, files) in enumerate(_files(total // 6, set())):
        tar = os.path.join(folder, "layer-%d.tar" % number)
        subprocess.run(["tar", "--create", "--file", tar, "--sort=name", "--mtime=@0", "--numeric-owner", "--owner=0",
                        "--group=0", "--pax-option=delete=atime,delete=ctime", "--files-from=-"],
                       input="\n".join(p.lstrip("/") for p in files).encode(), cwd="/", check=True)
        size += os.path.getsize(tar)
        diff_id = file_digest(tar)
        with open(tar + ".gz", "wb") as out:
            subprocess.run(["gzip", "-1", "-n", "-c", tar], stdout=out, check=True)
        os.unlink(tar)
        layers.append((OCI_GZIP, tar + ".gz", diff_id))
        if size >= total:
            break
    assert len(layers) >= 5, "too few files on this system for a large image"
    return Image(layers, {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]})


def free_space(folder):
    return shutil.disk_usage(folder).free


# -- pushing by hand

def push_blob(http, repository, data, name=None):
    name = name or digest(data)
    reply = http.request("POST", "/v2/%s/blobs/uploads/?digest=%s" % (repository, name), data,
                         {"Content-Type": "application/octet-stream"})
    assert reply.status == 201, reply
    return name


def put_manifest(http, repository, reference, data, media_type=OCI_MANIFEST, chunked=False):
    return http.request("PUT", "/v2/%s/manifests/%s" % (repository, reference), data,
                        {"Content-Type": media_type}, chunked=chunked)
