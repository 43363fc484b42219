"""The figures of publishing as markdown: medians over the rounds, ratios, and the aims."""

from publishers import ALL
from table import BASE, middle, ratio, rows

TITLES = {contestant.key: contestant.title for contestant in ALL}
# Aims.
REWRITING, PARALLEL = 1.15, 64


def render(results):
    parts = []
    for size, found in results.get("documents", {}).items():
        parts.append(f"### {size} of JSON: as much as gets through, 64 clients\n\n" + documents(found))
    for name, bodies in (("streams", "one at a time"), ("parallel", "a hundred at once")):
        if name in results:
            parts.append(f"### Large bodies, {bodies}\n\n" + streams(results[name]))
    parts.append("### Aims of publishing\n\n" + aims(results))
    return "\n\n".join(parts)


def ordered(found):
    return [key for key in TITLES if key in found]


def documents(found):
    base = middle(found[BASE], "cpu") if BASE in found else None
    return rows(
        ["", "requests/s", "CPU s per 10,000", "× HAProxy", "p50 ms", "p99 ms"],
        [
            [
                TITLES[key],
                f"{middle(found[key], 'rps'):,.0f}",
                f"{middle(found[key], 'cpu'):.2f}",
                ratio(middle(found[key], "cpu"), base),
                f"{middle(found[key], 'p50') / 1000:.1f}",
                f"{middle(found[key], 'p99') / 1000:.1f}",
            ]
            for key in ordered(found)
        ],
    )


def streams(kinds):
    body = []
    for kind, found in kinds.items():
        base = middle(found[BASE], "cpu") if BASE in found else None
        for key in ordered(found):
            spent, slow = middle(found[key], "cpu"), found[key][0]["slow"]
            body.append(
                [
                    f"{kind}: {TITLES[key]}",
                    "–" if slow else f"{middle(found[key], 'speed'):.2f}",
                    "–" if slow else f"{spent:.2f}",
                    "–" if slow else ratio(spent, base),
                    f"{middle(found[key], 'before'):.1f}",
                    f"{max(report['most'] for report in found[key]):.1f}",
                ]
            )
    head = ["", "GB/s", "CPU s per GB", "× HAProxy", "MiB before", "MiB at most"]
    return rows(head, body)


def aims(results):
    body = []

    def aim(text, most, value):
        body.append([text, f"{value:.2f}", "yes" if value <= most else "no"])

    for size, found in results.get("documents", {}).items():
        for other in ("none", "host"):
            if "github" in found and other in found:
                value = middle(found["github"], "cpu") / middle(found[other], "cpu")
                aim(f"{size} of JSON: CPU with `github` to `{other}`'s, under {REWRITING}", REWRITING, value)
    for kind, found in results.get("streams", {}).items():
        if "github" in found and BASE in found:
            value = middle(found["github"], "cpu") / middle(found[BASE], "cpu")
            aim(f"{kind}: CPU per GB to HAProxy's, at most 1", 1, value)
    for kind, found in results.get("parallel", {}).items():
        if "github" in found:
            most = max(report["most"] for report in found["github"])
            aim(f"100 {kind}: MiB resident, under {PARALLEL}", PARALLEL, most)
    return rows(["aim", "measured", "reached"], body)
