"""Those that publish a service, and the service behind them."""

import json
import subprocess
import time

from contestants import Contestant, free_port, nginx
from measure import Failure

PUBLIC = "ghe.example.test"
# The inside's name is one that resolves on every machine.
NAME = "localhost"
LABELS = "/api/v3/repos/acme/web/labels"
PULLS = "/api/v3/repos/acme/web/pulls?state=all"
# Title in the table, what is asked for.
DOCUMENTS = {"1KB": LABELS, "100KB": PULLS}


class Origin:
    """The published service, with its documents as the inside and as the outside has them."""

    def __init__(self, binary, directory, events):
        self.port = free_port()
        self.inside = f"https://{NAME}:{self.port}"
        found = {"1KB": labels(events), "100KB": pulls(events)}
        self.documents = {}
        for size, document in found.items():
            for place, origin in (("inside", self.inside), ("outside", f"https://{PUBLIC}")):
                path = directory / f"{size}-{place}.json"
                path.write_text(at(document, origin))
                self.documents[size, place] = path
        self.process = subprocess.Popen(
            [binary, "origin", "--listen", f"127.0.0.1:{self.port}", "--inside", self.inside]
            + ["--chain", directory / "chain.pem", "--key", directory / "key.pem"]
            + ["--small", self.documents["1KB", "inside"], "--large", self.documents["100KB", "inside"]],
            stdin=subprocess.PIPE,
        )
        time.sleep(0.2)
        if self.process.poll() is not None:
            raise Failure("the published service did not start")

    def stop(self):
        self.process.kill()
        self.process.wait()


def labels(events):
    found = [example["label"] for event in events if event["name"] == "label" for example in event["examples"]]
    return found[:4]


def pulls(events):
    found = [example["pull_request"] for event in events if event["name"] == "pull_request" for example in event["examples"]]
    return found[:6]


def at(document, origin):
    """The document of a server at `origin`: addresses that a string begins with are its own."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    text = text.replace('"https://api.github.com', f'"{origin}/api/v3')
    return text.replace('"https://github.com', f'"{origin}')


class Publisher(Contestant):
    """`body`: it puts JSON into the outside's words; `head`: only the answer's head."""

    def __init__(self, key, title, body=False, head=True):
        super().__init__(key, title)
        self.body, self.head = body, head

    def fill(self, template, **more):
        return self.write(template, PUBLIC=PUBLIC, NAME=NAME, ORIGIN=self.house.origin.port, **more)


class PublishingHubgate(Publisher):
    def __init__(self, key, title, rewrite, **keys):
        super().__init__(key, title, **keys)
        self.rewrite = rewrite

    def commands(self, place, body):
        return [[self.house.hubgate, "run", "--config", self.fill("publish-hubgate.toml", REWRITE=self.rewrite)]]


class PublishingHaproxy(Publisher):
    def commands(self, place, body):
        return [["haproxy", "-db", "-f", self.fill("publish-haproxy.cfg")]]


class PublishingNginx(Publisher):
    def commands(self, place, body):
        rewrite = ""
        if self.body:
            rewrite = (
                'proxy_set_header Accept-Encoding "";\n            '
                "sub_filter_types application/json;\n            sub_filter_once off;\n            "
                f"sub_filter '{self.house.origin.inside}' 'https://{PUBLIC}';"
            )
        return [nginx(self.fill("publish-nginx.conf", REWRITE=rewrite))]


HAPROXY = PublishingHaproxy("haproxy", "HAProxy, heads alone")
NGINX = PublishingNginx("nginx", "nginx, heads alone")
SUB_FILTER = PublishingNginx("sub_filter", "nginx, heads and `sub_filter`", body=True)
NONE = PublishingHubgate("none", 'hubgate, `rewrite = "none"`', "none", head=False)
HEADS = PublishingHubgate("host", 'hubgate, `rewrite = "host"`', "host")
GITHUB = PublishingHubgate("github", 'hubgate, `rewrite = "github"`', "github", body=True)
ALL = [HAPROXY, NGINX, NONE, HEADS, SUB_FILTER, GITHUB]
STREAMING = [HAPROXY, NGINX, GITHUB]
