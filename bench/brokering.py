"""The section that measures the broker: tokens, GitHub as an App, answers that are held, memory."""

import hashlib
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time

from contestants import Contestant, free_port
from measure import Failure, Load, cpu, resident, told
from publishers import NAME, PUBLIC, at, labels

TRACE = pathlib.Path(__file__).resolve().parent / "recorded/polling.tsv"
BASE = f"https://{PUBLIC}/broker/github/sync"
DOCUMENT = "/repos/org-0/repo-0/labels"
CALLERS, INSTALLATIONS = 5000, 200
CACHE = "64MiB"
# What two programs ask for, each minute.
POLLED = ["commits", "pulls", "labels"]
POLLERS = 2
DAY = 24 * 60


class Github:
    """GitHub as an App meets it, on this machine."""

    def __init__(self, house, events):
        self.port = free_port()
        self.inside = f"https://{NAME}:{self.port}"
        found = labels(events)
        self.document = house.directory / "app-inside.json"
        self.document.write_text(at(found, self.inside))
        self.outside = {}
        for key, origin in (("publish", f"https://{PUBLIC}"), ("app", BASE)):
            self.outside[key] = house.directory / f"app-{key}.json"
            self.outside[key].write_text(at(found, origin))
        self.process = subprocess.Popen(
            [house.options.load, "github", "--listen", f"127.0.0.1:{self.port}"]
            + ["--chain", house.directory / "chain.pem", "--key", house.directory / "key.pem"]
            + ["--document", self.document],
            stdin=subprocess.PIPE,
        )
        time.sleep(0.2)
        if self.process.poll() is not None:
            raise Failure("GitHub's stand-in did not start")
        self.connection = Connection(house, self.port, NAME)

    def changed(self, path):
        self.connection.ask("POST", f"/api/v3/bench/change{path}", "bench")

    def used(self):
        return json.loads(self.connection.ask("GET", "/api/v3/bench/used", "bench")[1])

    def stop(self):
        self.process.kill()
        self.process.wait()


class Connection:
    """One client over TLS."""

    def __init__(self, house, port, host):
        context = ssl.create_default_context(cafile=str(house.directory / "chain.pem"))
        # The certificate is its own authority.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        plain = socket.create_connection(("127.0.0.1", port), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = host
        self.inner = http.client.HTTPConnection(host)
        self.inner.sock = context.wrap_socket(plain, server_hostname=host)

    def ask(self, method, path, key, body=None):
        """The length of the answer's head, and its body."""
        self.inner.request(method, path, body, {"Authorization": f"Bearer {key}", "Accept": "application/vnd.github+json"})
        answer = self.inner.getresponse()
        said = answer.read()
        if answer.status not in (200, 201, 404):
            raise Failure(f"{method} {path} was answered {answer.status}: {said[:300]}")
        head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        return head, said


class Caller:
    """One who may use the App, and the section that says so."""

    def __init__(self, number):
        self.key = f"hgk_bench-{number:05}-{'k' * 32}"
        self.owner, self.repository = f"org-{number % INSTALLATIONS}", f"repo-{number}"
        digest = hashlib.sha256(self.key.encode()).hexdigest()
        self.section = (
            f'[[caller]]\nname = "bot-{number}"\nkey = "sha256:{digest}"\nrate = "1000000/s"\n'
            f'[[caller.grant]]\napp = "sync"\nowner = "{self.owner}"\nrepositories = ["{self.repository}"]\n'
            'permissions = { contents = "read" }\nas = ["proxy", "token"]\n'
        )

    def token(self):
        """A line that asks for a token."""
        wanted = {"app": "sync", "owner": self.owner, "repositories": [self.repository], "permissions": {"contents": "read"}}
        return "\t".join(["201", "POST", "/broker/v1/token", self.key, json.dumps(wanted, separators=(",", ":"))])

    def document(self):
        """A line that asks for a document as the App."""
        path = f"/broker/github/sync/api/v3/repos/{self.owner}/{self.repository}/labels"
        return "\t".join(["200", "GET", path, self.key])


class Broker(Contestant):
    """hubgate with these callers and so much memory for answers."""

    def __init__(self, key, title, github, callers, cache=CACHE):
        super().__init__(key, title)
        self.github, self.callers, self.cache = github, callers, cache

    def commands(self, place, body):
        key = place / "app.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        key.chmod(0o600)
        config = self.write(
            "broker-hubgate.toml",
            PUBLIC=PUBLIC,
            NAME=NAME,
            GITHUB=self.github.port,
            CACHE=self.cache,
            CALLERS="".join(caller.section for caller in self.callers),
        )
        return [[self.house.hubgate, "run", "--config", config]]


class Brokering:
    """The section, in a house whose GitHub is there."""

    def __init__(self, house, events):
        self.house, self.quick = house, house.options.quick
        self.github = Github(house, events)
        self.one = Caller(0)

    def broker(self):
        try:
            return {
                "tokens": self.tokens(),
                "documents": self.documents(),
                "polling": self.polling(),
                "memory": self.memory(),
                "load": os.getloadavg()[0],
            }
        finally:
            self.github.stop()

    def gate(self, key, title, callers=None, cache=CACHE):
        return Broker(key, title, self.github, callers or [self.one], cache)

    def ready(self, mode, gate, patience=60, **options):
        return Load(
            self.house.options.load,
            mode,
            patience,
            to=f"127.0.0.1:{gate.port}",
            host=PUBLIC,
            ca=self.house.directory / "chain.pem",
            **options,
        )

    def asks(self, name, lines):
        path = self.house.directory / f"{name}.tsv"
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def measured(self, gate, mode, clients, **options):
        """One measurement of a gate that runs."""
        seconds = 1.5 if self.quick else 4
        load = self.ready(mode, gate, clients=clients, seconds=seconds, warm=0.5, **options)
        used = cpu(gate.roots)
        report = load.go()
        report["cpu"] = (cpu(gate.roots) - used) / report["count"] * 1e6
        report["rps"] = report["count"] / report["seconds"]
        return report

    def tokens(self):
        """Tokens that are held, beside a plain answer of the same gate at the same route."""
        lists = {
            "plain": self.asks("plain", ["\t".join(["404", "GET", "/broker/v1/nothing", self.one.key])]),
            "token": self.asks("token", [self.one.token()]),
        }
        results = {}
        for _ in range(self.house.options.rounds):
            gate = self.gate("broker", "hubgate")
            self.house.start(gate)
            sizes = self.sizes(gate)
            for name, asks in lists.items():
                for clients in (64, 1):
                    report = self.measured(gate, "asks", clients, asks=asks)
                    report["bytes"] = sizes[name]
                    results.setdefault(name, {}).setdefault(str(clients), []).append(report)
                    told("tokens", name, f"{clients} clients", f"{report['rps']:.0f}/s", f"{report['cpu']:.0f} µs", f"p99 {report['p99']:.0f} µs")
            self.house.stop()
        return results

    def sizes(self, gate):
        """The bytes of both answers; and a token is held after it."""
        connection = Connection(self.house, gate.port, PUBLIC)
        body = self.one.token().split("\t")[4]
        told_of = {
            "plain": connection.ask("GET", "/broker/v1/nothing", self.one.key),
            "token": connection.ask("POST", "/broker/v1/token", self.one.key, body),
        }
        if "token" not in json.loads(told_of["token"][1]):
            raise Failure(f"no token came: {told_of['token'][1][:300]}")
        return {name: head + len(said) for name, (head, said) in told_of.items()}

    def documents(self):
        """A document as the App, beside the same through a published service with the caller's own
        credentials; each answer byte for byte as it must be."""
        results = {}
        plans = {
            "publish": (f"/api/v3{DOCUMENT}", "publish", "0"),
            "app": (f"/broker/github/sync/api/v3{DOCUMENT}", "app", "0"),
            "held": (f"/broker/github/sync/api/v3{DOCUMENT}", "app", CACHE),
        }
        for _ in range(self.house.options.rounds):
            for name, (path, words, cache) in plans.items():
                gate = self.gate(name, name, cache=cache)
                self.house.start(gate)
                before = self.github.used()
                report = self.measured(
                    gate,
                    "fetch",
                    64,
                    path=path,
                    document=self.github.outside[words],
                    forbid=self.github.inside,
                    credential=self.one.key,
                )
                after = self.github.used()
                # A gate that answered by itself would be wrong, however fast.
                asked = after["asked"] - before["asked"]
                if asked != report["count"] + report["before"]:
                    raise Failure(f"{name}: GitHub was asked {asked} times for {report['count'] + report['before']}")
                report["quota"] = (after["used"] - before["used"]) / asked
                results.setdefault(name, []).append(report)
                self.house.stop()
                told("documents", name, f"{report['rps']:.0f}/s", f"{report['cpu']:.0f} µs", f"p99 {report['p99'] / 1000:.2f} ms")
        return results

    def polling(self):
        """A day of polling, with and without answers that are held."""
        lines = [line.split() for line in TRACE.read_text().splitlines() if not line.startswith("#")]
        changes = [(int(second), what) for second, what in lines]
        # An hour of the afternoon shows whether it works.
        minutes = range(1130, 1190) if self.quick else range(DAY)
        results = {}
        for name, cache in (("without", "0"), ("with", CACHE)):
            gate = self.gate(name, name, cache=cache)
            self.house.start(gate)
            clients = [Connection(self.house, gate.port, PUBLIC) for _ in range(POLLERS)]
            before, requests, happened = self.github.used(), 0, 0
            last = {}
            for minute in minutes:
                for second, what in changes:
                    if second // 60 == minute:
                        self.github.changed(f"/repos/{self.one.owner}/{self.one.repository}/{what}")
                        happened += 1
                        last.pop(what, None)
                for client in clients:
                    for what in POLLED:
                        path = f"/broker/github/sync/api/v3/repos/{self.one.owner}/{self.one.repository}/{what}"
                        said = client.ask("GET", path, self.one.key)[1]
                        requests += 1
                        # What did not change is the same, and what did is not.
                        if last.setdefault(what, said) != said:
                            raise Failure(f"{what} is another one, and nothing changed")
            after = self.github.used()
            self.house.stop()
            asked = after["asked"] - before["asked"]
            if asked != requests:
                raise Failure(f"GitHub was asked {asked} times for {requests} requests")
            results[name] = {
                "requests": requests,
                "changes": happened,
                "minutes": len(minutes),
                "quota": after["used"] - before["used"],
            }
            told("polling", name, f"{requests} requests", f"{happened} changes", f"{results[name]['quota']} of the limit")
        return results

    def memory(self):
        """What is resident with many callers and installations, above a gate that is idle."""
        count = CALLERS // 25 if self.quick else CALLERS
        installations = min(INSTALLATIONS, count)
        callers = [Caller(number) for number in range(count)]
        idle = self.gate("idle", "idle")
        self.house.start(idle)
        time.sleep(2)
        found = {"idle": resident(idle.roots)}
        self.house.stop()
        many = self.gate("many", "many callers", callers)
        self.house.start(many)
        time.sleep(2)
        found["configured"] = resident(many.roots)
        before = self.github.used()
        for name, lines in (("tokens", [one.token() for one in callers]), ("documents", [one.document() for one in callers])):
            load = self.ready("once", many, 300, clients=64, asks=self.asks(name, lines))
            report = load.go()
            if report["count"] != count:
                raise Failure(f"of {count} callers {report['count']} were answered")
            found[name] = resident(many.roots)
        time.sleep(3)
        found["after"] = resident(many.roots)
        minted = self.github.used()["minted"] - before["minted"]
        if minted != count:
            raise Failure(f"{minted} tokens were made for {count} callers")
        self.house.stop()
        found.update({"callers": count, "installations": installations})
        told("memory", *(f"{key} {value:.1f}" for key, value in found.items()))
        return found
