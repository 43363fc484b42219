"""The sections that measure how a service is published."""

import threading

from measure import Failure, Load, cpu, resident, told
from publishers import ALL, DOCUMENTS, PUBLIC, STREAMING

GB = 1_000_000_000
STREAMS = ["download", "clone", "upload", "push"]
MANY = 100
# Bytes a second that a slow reader takes, and has room for.
SLOW = 65536


class Publishing:
    """The sections, in a house whose published service is there."""

    def __init__(self, house):
        self.house = house
        self.quick = house.options.quick

    def ready(self, mode, contestant, **options):
        return Load(
            self.house.options.load,
            mode,
            to=f"127.0.0.1:{contestant.port}",
            host=PUBLIC,
            ca=self.house.directory / "chain.pem",
            **options,
        )

    def documents(self):
        """JSON, as much as gets through with 64 clients; each answer byte for byte as it must be."""
        results = {}
        for size, path in DOCUMENTS.items():
            for contestant in self.house.rounds(ALL):
                self.house.start(contestant)
                load = self.ready(
                    "fetch",
                    contestant,
                    path=path,
                    document=self.house.origin.documents[size, "outside" if contestant.body else "inside"],
                    forbid=self.house.origin.inside if contestant.head else "",
                    clients=64,
                    seconds=1.5 if self.quick else 4,
                    warm=0.5,
                )
                used = cpu(contestant.roots)
                report = load.go()
                report["cpu"] = (cpu(contestant.roots) - used) / report["count"] * 10_000
                report["rps"] = report["count"] / report["seconds"]
                self.house.stop()
                told("documents", contestant, size, f"{report['rps']:.0f}/s", f"{report['cpu']:.2f} s/10k", f"p99 {report['p99'] / 1000:.2f} ms")
                results.setdefault(size, {}).setdefault(contestant.key, []).append(report)
        return results

    def streams(self):
        """One large body in each direction."""
        results = {}
        size = GB // 10 if self.quick else GB
        for kind in STREAMS:
            for contestant in self.house.rounds(STREAMING):
                report = self.stream(contestant, kind=kind, bytes=size, clients=1, pace=0)
                results.setdefault(kind, {}).setdefault(contestant.key, []).append(report)
        return results

    def parallel(self):
        """A hundred at once, as fast as they can and slowly."""
        results = {}
        each = GB // 500 if self.quick else GB // 50
        span = 4 if self.quick else 10
        plans = {
            "clones": {"kind": "clone", "bytes": each, "pace": 0},
            "downloads": {"kind": "download", "bytes": each, "pace": 0},
            "pushes": {"kind": "push", "bytes": each, "pace": 0},
            "slow clones": {"kind": "clone", "bytes": GB, "pace": SLOW, "seconds": span},
            "slow downloads": {"kind": "download", "bytes": GB, "pace": SLOW, "seconds": span},
        }
        for name, plan in plans.items():
            for contestant in self.house.rounds(STREAMING):
                report = self.stream(contestant, clients=MANY, **plan)
                results.setdefault(name, {}).setdefault(contestant.key, []).append(report)
        return results

    def stream(self, contestant, **plan):
        """Bodies through a contestant freshly started, its memory watched."""
        self.house.start(contestant)
        load = self.ready("streams", contestant, patience=120, **plan)
        used, before = cpu(contestant.roots), resident(contestant.roots)
        with Watch(contestant.roots) as watch:
            report = load.go()
        if report["count"] != plan["clients"]:
            raise Failure(f"{contestant}: of {plan['clients']} streams {report['count']} came to their end")
        gigabytes = report["bytes"] / GB
        # Who reads slowly has hardly read anything: what the handshakes cost says nothing of it.
        report["slow"] = plan["pace"] > 0
        report["cpu"] = (cpu(contestant.roots) - used) / gigabytes
        report["speed"] = gigabytes / report["seconds"]
        report["before"], report["most"] = before, max(watch.most, resident(contestant.roots))
        self.house.stop()
        words = f"{report['speed']:.2f} GB/s", f"{report['cpu']:.3f} s/GB", f"{before:.1f} to {report['most']:.1f} MiB"
        told(f"{plan['clients']} × {plan['kind']}", contestant, *words)
        return report


class Watch:
    """The most memory that processes have meanwhile."""

    def __init__(self, roots):
        self.roots, self.most, self.over = roots, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.over.wait(0.1):
            self.most = max(self.most, resident(self.roots))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

