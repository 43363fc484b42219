"""bench/broker.md, the whole of it: what is compared, the figures, and the aims."""

from table import middle, rows

# Aims: µs of CPU above a plain answer; MiB above a gate that is idle.
VENDING, MEMORY = 50, 100
NAMES = {"plain": "a plain answer (404)", "token": "a token that is held (201)"}
WAYS = {
    "publish": "`[[publish]]`, `credentials = \"caller\"`",
    "app": "as an App, `cache = \"0\"`",
    "held": "as an App, `cache = \"64MiB\"`",
}


def render(results):
    found = results["broker"]
    about = results["about"]
    return "\n\n".join(
        [
            "# How fast the broker is",
            INTRODUCTION,
            "## What is compared",
            COMPARED,
            machine(about, found),
            "## Tokens that are held",
            tokens(found["tokens"]),
            "## A document of 1 KB, 64 clients",
            documents(found["documents"]),
            "## A day of polling",
            polling(found["polling"]),
            "## Memory, MiB resident",
            memory(found["memory"]),
            "## What is aimed at",
            aims(found),
        ]
    ) + "\n"


INTRODUCTION = (
    "`bench/run --only broker` measures the broker ([`docs/broker.md`](../docs/broker.md)) and writes this "
    "file. It fails where an answer is not, byte for byte, what it must be, where the gate answered "
    "something of GitHub's without asking it, or where a token was made more than once."
)

COMPARED = (
    "The same certificate (ECDSA P-256), TLS 1.3 with AES-256-GCM and HTTP/1.1 with keep-alive on both sides, "
    "two threads for the gate. Behind it stands a small server that has GitHub's tokens, tags, limits and twenty "
    "header fields, over TLS. CPU is that of the gate, from `/proc`; memory is what was resident.\n\n"
    "- **Tokens**: `POST /v1/token` for one repository, by a caller who is known by a key, again and again, so that "
    "the token is held; beside a 404 of the same route, which shows what HTTP and TLS cost.\n"
    "- **A document**: four labels as JSON, with the addresses in it rewritten; through a published service with the "
    "caller's own credentials, as an App, and as an App with answers that are held, where GitHub says 304 each time.\n"
    "- **Polling**: two programs under grants that say the same ask for the commits, the pull requests and the labels "
    "of a repository each minute of a day. The repository changes when github.com/cli/cli did on 15 October 2024 "
    "(`recorded/polling.tsv`, from its history). What it costs is what GitHub counts.\n"
    "- **Memory**: each caller has a grant of its own, has a token made under it, and asks for a document through "
    "the gate with it; above a gate with one caller who asks nothing."
)


def machine(about, found):
    return (
        f"{about['machine']}; {about['hubgate']}. Medians of {about['rounds']} rounds in turn; the machine's load "
        f"at the end was {found['load']:.1f}."
    )


def tokens(found):
    body = []
    for name, title in NAMES.items():
        many, alone = found[name]["64"], found[name]["1"]
        body.append(
            [
                title,
                f"{many[0]['bytes']}",
                f"{middle(many, 'rps'):,.0f}",
                f"{middle(many, 'cpu'):.1f}",
                f"{middle(many, 'p50') / 1000:.2f}",
                f"{middle(many, 'p99') / 1000:.2f}",
                f"{middle(alone, 'p50'):.0f}",
                f"{middle(alone, 'p99'):.0f}",
            ]
        )
    head = ["", "bytes", "requests/s", "CPU µs each", "p50 ms", "p99 ms", "one client: p50 µs", "p99 µs"]
    return rows(head, body)


def documents(found):
    base = middle(found["publish"], "cpu")
    body = [
        [
            title,
            f"{middle(found[name], 'rps'):,.0f}",
            f"{middle(found[name], 'cpu'):.1f}",
            f"{middle(found[name], 'cpu') / base:.2f}",
            f"{middle(found[name], 'p50') / 1000:.2f}",
            f"{middle(found[name], 'p99') / 1000:.2f}",
            f"{middle(found[name], 'quota'):.4f}",
        ]
        for name, title in WAYS.items()
    ]
    head = ["", "requests/s", "CPU µs each", "× `[[publish]]`", "p50 ms", "p99 ms", "of GitHub's limit each"]
    return rows(head, body)


def polling(found):
    titles = {"without": "`cache = \"0\"`", "with": "`cache = \"64MiB\"`"}
    body = [
        [
            titles[name],
            f"{one['requests']:,}",
            f"{one['changes']}",
            f"{one['quota']:,}",
            f"{one['quota'] / one['requests']:.4f}",
        ]
        for name, one in found.items()
    ]
    hours = found["with"]["minutes"] / 60
    saved = 1 - found["with"]["quota"] / found["without"]["quota"]
    said = f"\n\nOver {hours:.0f} hours {saved:.1%} of what GitHub would have counted is saved."
    return rows(["", "requests", "changes", "of GitHub's limit", "each"], body) + said


def memory(found):
    body = [
        ["one caller, idle", f"{found['idle']:.1f}", "–"],
        [f"{found['callers']:,} callers, {found['installations']} installations, idle", *above(found, "configured")],
        ["after a token was made for each", *above(found, "tokens")],
        ["after a document for each", *above(found, "documents")],
        ["a moment later", *above(found, "after")],
    ]
    return rows(["", "MiB", "above idle"], body)


def above(found, key):
    return [f"{found[key]:.1f}", f"{found[key] - found['idle']:.1f}"]


def aims(found):
    spent = {name: middle(found["tokens"][name]["64"], "cpu") for name in NAMES}
    body = []
    for text, value, aim in [
        (f"a token that is held: µs of CPU above a plain answer, under {VENDING}", spent["token"] - spent["plain"], VENDING),
        (f"{found['memory']['callers']:,} callers: MiB above a gate that is idle, under {MEMORY}", most_above(found), MEMORY),
    ]:
        body.append([text, f"{value:.1f}", "yes" if value < aim else "no"])
    return rows(["aim", "measured", "reached"], body)


def most_above(found):
    memory = found["memory"]
    return max(memory[key] for key in ("configured", "tokens", "documents", "after")) - memory["idle"]
