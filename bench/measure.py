"""What is read of processes while the load generator works on them."""

import json
import os
import pathlib
import subprocess
import sys
import threading

TICK = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """Something did not go as it must; the bench ends."""


def told(*words):
    """A line for whoever watches."""
    print("  ".join(str(word) for word in words), file=sys.stderr, flush=True)


def family(root):
    """A process and all that descend from it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def cpu(roots):
    """Seconds of CPU that processes have used, their own and the system's for them."""
    ticks = 0
    for process in (member for root in roots for member in family(root)):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def resident(roots):
    """MiB in memory. What several processes share counts once."""
    members = [member for root in roots for member in family(root)]
    wanted = "Rss:" if len(members) == 1 else "Pss:"
    total = 0
    for process in members:
        for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(wanted):
                total += int(line.split()[1])
    return total / 1024


class Load:
    """The load generator in one of its modes: made ready, let go, read."""

    def __init__(self, binary, mode, patience=60, **options):
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self.mode = mode
        self.process = subprocess.Popen(
            [binary, mode, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.timer = threading.Timer(patience, self.process.kill)
        self.timer.start()
        if self.process.stdout.readline() != "ready\n":
            self.fail()

    def go(self):
        """Has it do its work; gives what it reports."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line or self.process.wait() != 0:
            self.fail()
        self.timer.cancel()
        return json.loads(line)

    def fail(self):
        self.process.kill()
        self.timer.cancel()
        said = self.process.stderr.read().strip() or "it took too long"
        raise Failure(f"load {self.mode}: {said}")


class Sink:
    """The tool behind all contestants."""

    def __init__(self, binary, port):
        self.port = port
        self.process = subprocess.Popen(
            [binary, "sink", "--listen", f"127.0.0.1:{port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def count(self):
        """Requests that came whole, since it began."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["requests"]

    def stop(self):
        self.process.kill()
        self.process.wait()
