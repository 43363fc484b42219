"""The figures as markdown: medians over the rounds, and ratios to HAProxy."""

from statistics import median

from contestants import ALL

TITLES = {contestant.key: contestant.title for contestant in ALL}
BASE = "haproxy"


def render(results):
    parts = []
    if "about" in results:
        parts.append(about(results["about"]))
    for size, found in results.get("load", {}).items():
        parts.append(f"### {size}: as much as gets through, 64 clients\n\n" + load(found))
    if "rate" in results:
        parts.append("### 8KB: 1,000 requests a second, milliseconds\n\n" + rate(results["rate"]))
    if "memory" in results:
        count = f"{results['about']['connections']:,}"
        parts.append(f"### Memory, MiB resident; {count} connections\n\n" + memory(results["memory"]))
    if "handshakes" in results:
        parts.append("### Full TLS 1.3 handshakes\n\n" + handshakes(results["handshakes"]))
    parts.append("### Aims\n\n" + aims(results))
    return "\n\n".join(parts)


def about(facts):
    lines = [f"- {key}: {value}" for key, value in facts.items()]
    return "\n".join(lines)


def middle(reports, key):
    return median(report[key] for report in reports)


def rows(head, body):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(cells) + " |" for cells in body]
    return "\n".join(lines)


def ratio(value, base):
    return f"{value / base:.2f}" if base else "–"


def against(found, key):
    """Each contestant's figure with its ratio to HAProxy's."""
    base = middle(found[BASE], key) if BASE in found else None
    return {name: (middle(reports, key), base) for name, reports in found.items()}


def ordered(found):
    return [key for key in TITLES if key in found]


def load(found):
    speed, spent = against(found, "rps"), against(found, "cpu")
    p99 = against(found, "p99")
    return rows(
        ["", "requests/s", "× HAProxy", "CPU s per 10,000", "× HAProxy", "p99 ms"],
        [
            [
                TITLES[key],
                f"{speed[key][0]:,.0f}",
                ratio(*speed[key]),
                f"{spent[key][0]:.2f}",
                ratio(*spent[key]),
                f"{p99[key][0] / 1000:.1f}",
            ]
            for key in ordered(found)
        ],
    )


def rate(found):
    columns = {key: against(found, key) for key in ("p50", "p99", "p999", "max")}
    spent = against(found, "cpu")
    body = []
    for key in ordered(found):
        cells = [TITLES[key]]
        for name, column in columns.items():
            value, base = column[key]
            cells.append(f"{value / 1000:.2f}")
            if name in ("p99", "p999"):
                cells.append(ratio(value, base))
        body.append([*cells, f"{spent[key][0]:.2f}"])
    head = ["", "p50", "p99", "× HAProxy", "p99.9", "× HAProxy", "longest", "CPU s per 10,000"]
    return rows(head, body)


def memory(found):
    columns = ["fresh", "worked", "open", "closed"]
    head = ["", "idle, fresh", "idle, after work", "open", "after they closed", "KiB each"]
    return rows(
        head,
        [
            [TITLES[key], *(f"{found[key][column]:.1f}" for column in columns), f"{found[key]['each']:.1f}"]
            for key in ordered(found)
        ],
    )


def handshakes(found):
    speed, spent = against(found, "rps"), against(found, "cpu")
    return rows(
        ["", "per second", "× HAProxy", "CPU s per 1,000", "× HAProxy"],
        [
            [
                TITLES[key],
                f"{speed[key][0]:,.0f}",
                ratio(*speed[key]),
                f"{spent[key][0]:.3f}",
                ratio(*spent[key]),
            ]
            for key in ordered(found)
        ],
    )


def aims(results):
    """Each aim, what was measured, and whether it is reached."""
    loads = results.get("load", {})
    body = []

    def aim(text, most, value, unit="", least=False):
        reached = value >= most if least else value <= most
        body.append([text, f"{value:.2f}{unit}", "yes" if reached else "no"])

    def pair(found, one, other, key):
        if found and one in found and other in found:
            yield middle(found[one], key) / middle(found[other], key)

    for size, word in (("8KB", "at most 1"), ("25KB", "at most 1"), ("1MB", "less than 1")):
        for value in pair(loads.get(size), "through", BASE, "cpu"):
            aim(f"`through` at {size}: CPU to HAProxy's, {word}", 1, value)
    for value in pair(loads.get("8KB"), "parked", "through", "rps"):
        aim("`store`: requests/s to `through`'s, at least 0.7", 0.7, value, least=True)
    for value in pair(loads.get("8KB"), "parked", "lua", "cpu"):
        aim("`store`: CPU to nginx + Lua + Redis', less than 0.5", 0.5, value)
    for key, name in (("p99", "p99"), ("p999", "p99.9")):
        for value in pair(results.get("rate"), "through", BASE, key):
            aim(f"`through` at 1,000/s: {name} to HAProxy's, at most 1", 1, value)
    for value in pair(results.get("handshakes"), "through", BASE, "cpu"):
        aim("handshakes: CPU to HAProxy's, at most 0.6", 0.6, value)
    if "through" in results.get("memory", {}):
        found = results["memory"]["through"]
        aim("KiB for an idle TLS connection, at most 25", 25, found["each"])
        aim("MiB resident when idle, under 20", 20, found["fresh"])
    return rows(["aim", "measured", "reached"], body)
