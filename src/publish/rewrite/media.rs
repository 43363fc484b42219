//! Which bodies are JSON, and which answers may be.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};

/// Whether a body is a JSON document. File contents, diffs and patches are none, even where
/// their type ends in `+json`: `application/vnd.github.raw+json` is what the file is.
pub(super) fn is_json(head: &HeaderMap) -> bool {
    let Some(value) = head.get(CONTENT_TYPE) else {
        return false;
    };
    value.to_str().is_ok_and(|text| json(essence(text)))
}

/// Whether a body is a page.
pub(super) fn is_html(head: &HeaderMap) -> bool {
    let value = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|text| {
        ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|kind| essence(text).eq_ignore_ascii_case(kind))
    })
}

fn json(essence: &str) -> bool {
    let lower = essence.to_ascii_lowercase();
    let Some(kind) = lower.strip_prefix("application/") else {
        return false;
    };
    let shaped = kind == "json"
        || kind.ends_with("+json")
        || (kind.starts_with("vnd.github") && !kind.contains('+'));
    shaped && !verbatim(kind)
}

/// Whether a type is one of things that are signed or named by their digest, or one by which
/// GitHub gives something as it is.
fn verbatim(kind: &str) -> bool {
    let github = kind.starts_with("vnd.github");
    let mut parts = kind.split(['.', '+']);
    VERBATIM.iter().any(|start| kind.starts_with(start))
        || (github && parts.any(|part| matches!(part, "raw" | "diff" | "patch" | "sha")))
}

/// Manifests of container images, attestations, signed objects.
const VERBATIM: [&str; 5] = [
    "jose",
    "vnd.dev.sigstore.",
    "vnd.docker.",
    "vnd.in-toto",
    "vnd.oci.",
];

fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// Whether a body is encoded for the way.
pub(super) fn is_encoded(head: &HeaderMap) -> bool {
    let codings = head.get_all(CONTENT_ENCODING).iter();
    codings
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether a body is a file to be saved.
pub(super) fn is_attachment(head: &HeaderMap) -> bool {
    head.get(CONTENT_DISPOSITION).is_some_and(|value| {
        let kind = value.as_bytes().split(|byte| *byte == b';').next();
        kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"attachment"))
    })
}

/// What a client is ready to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// JSON, by name or by default.
    Json,
    /// Something that JSON is one kind of.
    Anything,
    /// Something else; JSON may come all the same, to say what went wrong.
    Other,
    /// A file's bytes and nothing else.
    Octets,
}

pub(super) fn accepts(head: &HeaderMap) -> Accepts {
    let text = list(head, &ACCEPT);
    let ranges: Vec<&str> = text
        .split(',')
        .map(essence)
        .filter(|r| !r.is_empty())
        .collect();
    let any = |range: &&str| matches!(*range, "*/*" | "application/*");
    let octets = |range: &&str| range.eq_ignore_ascii_case("application/octet-stream");
    if ranges.iter().any(|range| json(range)) {
        Accepts::Json
    } else if ranges.is_empty() || ranges.iter().any(any) {
        Accepts::Anything
    } else if ranges.iter().all(octets) {
        Accepts::Octets
    } else {
        Accepts::Other
    }
}

/// The lines of a field as one list.
pub(super) fn list(head: &HeaderMap, name: &HeaderName) -> String {
    let lines = head.get_all(name).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    lines.join(", ")
}
