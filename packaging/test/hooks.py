"""What both tests of what is installed need: GitHub, as far as it sends webhooks, and the internal
tool that they go to."""

import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import ssl
import sys
import time
import uuid

# As in docs/install.md.
HOST, PATH = "hooks.example.com", "/jira"
GITHUB, TOOL = "10.1.0.5", ("10.2.0.5", 8080)
INSTALL = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/install.md"


def documented(language, words):
    """The block of docs/install.md in this language that begins with these words."""
    blocks = INSTALL.read_text().split("```")[1::2]
    found = [block.split("\n", 1)[1] for block in blocks if block.startswith(language + "\n")]
    found = [block for block in found if block.startswith(words)]
    check(len(found) == 1, f"docs/install.md has {len(found)} blocks that begin with `{words}`")
    return found[0]


def configuration():
    """The one of docs/install.md, for hooks of a server whose address is known."""
    text = documented("toml", '[[listen]]\nname    = "public"')
    lines = text.splitlines(keepends=True)
    fetched = [line for line in lines if line.startswith("meta ")]
    check(len(fetched) == 1, "docs/install.md fetches no list of addresses")
    return text.replace(fetched[0], f'networks = ["{GITHUB}"]\n')


def fail(text):
    name = sys.argv[0].rsplit("/", 1)[-1]
    print(f"test-{name}: {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def check(right, text):
    if not right:
        fail(text)


def step(name):
    print(name, flush=True)


def until(question, text, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := question():
            return answer
        time.sleep(0.1)
    fail(text() if callable(text) else text)


def connection():
    """To a gateway here, whoever its certificate is from."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    class Connection(http.client.HTTPSConnection):
        def connect(self):
            self.source_address = (GITHUB, 0)
            http.client.HTTPConnection.connect(self)
            self.sock = context.wrap_socket(self.sock, server_hostname=HOST)

    return Connection(GITHUB, 443, timeout=60)


def push(to, secret):
    """Sends a signed webhook; says what was answered, and its delivery id."""
    guid = str(uuid.uuid4())
    body = json.dumps({"zen": "Keep it logically awesome.", "id": guid}).encode()
    headers = {
        "host": HOST,
        "content-type": "application/json",
        "x-github-event": "ping",
        "x-github-delivery": guid,
        "x-github-hook-id": "1",
        "x-hub-signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }
    to.request("POST", PATH, body, headers)
    answer = to.getresponse()
    answer.read()
    return answer.status, guid


class Taking(http.server.BaseHTTPRequestHandler):
    """Takes a delivery, and tells its server which."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.got.add(self.headers["x-github-delivery"])
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Receiver(http.server.ThreadingHTTPServer):
    """The internal tool. Its threads are in the network of the one that makes them."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address, got):
        self.got = got
        super().__init__(address, Taking)
