"""The contestants: how each is configured, started and stopped."""

import base64
import grp
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time

from measure import Failure

HOST = "hooks.example.test"
SECRET = "correct horse battery staple"
# GitHub's own, and this machine.
NETWORKS = [
    "192.30.252.0/22",
    "185.199.108.0/22",
    "140.82.112.0/20",
    "143.55.64.0/20",
    "127.0.0.0/8",
]
PEERS = pathlib.Path(__file__).resolve().parent / "peers"
# Bodies that HAProxy checks have to fit into its buffer with some room, which costs memory.
SMALL_BUFFER, LARGE_BUFFER = 65536, 1310720


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(directory, names):
    """A self-signed ECDSA P-256 certificate that all contestants show, and the published service."""
    chain, key = directory / "chain.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "30", "-subj", f"/CN={names[0]}"]
        + ["-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in names)}", "-addext", "basicConstraints=CA:FALSE"]
        + ["-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    (directory / "both.pem").write_text(chain.read_text() + key.read_text())


class Contestant:
    """One gateway in one role. `stored`: it answers 202 and keeps; else it passes through."""

    def __init__(self, key, title, stored=False, delivers=False):
        self.key, self.title, self.stored, self.delivers = key, title, stored, delivers
        self.processes = []

    def __repr__(self):
        return self.title

    @property
    def status(self):
        return 202 if self.stored else 200

    @property
    def reaches_sink(self):
        return self.delivers or not self.stored

    def commands(self, place, body):
        """Command lines to run, in this order."""
        raise NotImplementedError

    def is_ready(self):
        """Whether what stands behind its port is there too."""
        return True

    def start(self, house, body):
        """Starts it in a directory of its own and waits until it listens."""
        self.house = house
        self.port = free_port()
        self.place = house.directory / self.key
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for name in ("chain.pem", "key.pem", "both.pem"):
            shutil.copy(house.directory / name, self.place / name)
        self.log = (self.place / "log").open("w+")
        for command in self.commands(self.place, body):
            self.processes.append(
                subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
            )
        deadline = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                open_door = probe.connect_ex(("127.0.0.1", self.port)) == 0
            if open_door and self.is_ready():
                break
            if time.monotonic() > deadline or any(one.poll() is not None for one in self.processes):
                raise Failure(f"{self} did not start: {self.said()}")
            time.sleep(0.02)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        self.log.close()
        # A spool of some gigabytes is not left behind.
        shutil.rmtree(self.place, ignore_errors=True)

    def said(self):
        return (self.place / "log").read_text()[-2000:].strip()

    @property
    def roots(self):
        return [process.pid for process in self.processes]

    def write(self, template, **more):
        """Fills in a configuration; gives its path."""
        text = (PEERS / template).read_text()
        values = {
            "DIR": self.place,
            "PEERS": PEERS,
            "PORT": self.port,
            "SINK": self.house.sink.port,
            "HOST": HOST,
            "USER": f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}",
            "SECRET": SECRET,
            "SECRET64": base64.b64encode(SECRET.encode()).decode(),
            "NETWORKS": " ".join(NETWORKS),
            "QUOTED": ", ".join(f'"{network}"' for network in NETWORKS),
            "ALLOW": "\n            ".join(f"allow {network};" for network in NETWORKS),
        }
        for key, value in {**values, **more}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.place / template
        path.write_text(text)
        return path


class Hubgate(Contestant):
    def __init__(self, *words, audit=False, **keys):
        super().__init__(*words, **keys)
        self.audit = audit

    def commands(self, place, body):
        # A target that nobody serves: after some refusals only a probe goes out now and then.
        target = self.house.sink.port if self.reaches_sink else free_port()
        rest = f'[audit]\nfile = "{place}/audit.jsonl"' if self.audit else ""
        mode = "store" if self.stored else "through"
        config = self.write("hubgate.toml", MODE=mode, TARGET=target, REST=rest)
        return [[self.house.hubgate, "run", "--config", config]]


class Haproxy(Contestant):
    def commands(self, place, body):
        buffer = SMALL_BUFFER if body < SMALL_BUFFER // 2 else LARGE_BUFFER
        return [["haproxy", "-db", "-f", self.write("haproxy.cfg", BUFFER=buffer)]]


class Njs(Contestant):
    def commands(self, place, body):
        return [nginx(self.write("nginx-njs.conf"))]


class Lua(Contestant):
    def commands(self, place, body):
        redis = ["redis-server", self.write("redis.conf")]
        return [redis, nginx(self.write("nginx-lua.conf"))]

    def is_ready(self):
        return (self.place / "redis.sock").exists()


def nginx(config):
    # What it would open before it has read its configuration.
    return ["nginx", "-e", "stderr", "-p", config.parent, "-c", config]


THROUGH = Hubgate("through", "hubgate `through`")
AUDITED = Hubgate("audited", "hubgate `through`, audit trail on", audit=True)
STORE = Hubgate("store", "hubgate `store`, delivering", stored=True, delivers=True)
PARKED = Hubgate("parked", "hubgate `store`, target down", stored=True)
HAPROXY = Haproxy("haproxy", "HAProxy")
NJS = Njs("njs", "nginx + njs")
LUA = Lua("lua", "nginx + Lua + Redis", stored=True)
ALL = [HAPROXY, THROUGH, AUDITED, NJS, PARKED, STORE, LUA]
