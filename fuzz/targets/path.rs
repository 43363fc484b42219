//! The path of a request to a published service, and what a profile decides about it.
//!
//! Holds that what is read has no second meaning, and that what is let through is let through just
//! the same when it is spelled plainly.

#![no_main]

use hubgate::publish::asked::{Asked, Site, What, batch};
use hubgate::publish::path::Path;
use hubgate::publish::profile::{Circumstances, Declared, Policy, Profiles};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let profiles = Profiles::built_in();
    let mut policies: Vec<Policy> = profiles
        .names()
        .map(|name| {
            profiles
                .policy([name.as_str()])
                .expect("a profile that is built in")
        })
        .collect();
    policies.push(Policy::everything());
    policies
});

/// Of a service that is no server of GitHub's.
static TOOL: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let rules = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
    let profile = Declared {
        name: "tool".parse().expect("a name"),
        base: Vec::new(),
        allow: rules(&[
            "GET /",
            "GET /job/{name}",
            "GET /view/{+path}",
            "POST /job/{name}/build",
        ]),
        deny: rules(&["GET /view/{+path}/delete", "GET /{any}/secret/{+path}"]),
    };
    let profiles = Profiles::check(&[profile]).expect("a profile that is right");
    let policy = profiles.tool_policy(["tool"]).expect("rules of paths");
    vec![policy, Policy::everything()]
});

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const SITES: [Site<'_>; 5] = [
    Site::Main,
    Site::Api,
    Site::Part("codeload"),
    Site::Part("gist"),
    Site::Tool,
];

fuzz_target!(|input: &[u8]| {
    let [method, site, target @ ..] = input else {
        return;
    };
    // A body is any bytes.
    drop(batch(target));
    let Ok(target) = std::str::from_utf8(target) else {
        return;
    };
    let method = METHODS[usize::from(*method) % METHODS.len()];
    let site = SITES[usize::from(*site) % SITES.len()];
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let Ok(read) = Path::parse(path) else {
        assert!(Asked::read(method, site, path, query).is_err(), "{path:?}");
        return;
    };
    let text = read.text().strip_suffix('/').unwrap_or(read.text());
    let parts = || text.split('/').filter(|_| !text.is_empty());
    assert!(
        parts().all(|part| !matches!(part, "" | "." | "..")),
        "{path:?} {text:?}"
    );
    assert!(!text.contains(['\\', ';', '\0']), "{path:?} {text:?}");

    let Ok(asked) = Asked::read(method, site, path, query) else {
        return;
    };
    // Everything that needs no encoding, written out; what does, in one way.
    let plain: String = read
        .segments()
        .map(|segment| format!("/{}", encoded(segment)))
        .collect();
    let plain = if plain.is_empty() {
        "/".to_owned()
    } else {
        plain
    };
    let again = Asked::read(method, site, &plain, query).expect("its plain spelling is read");
    assert_eq!(
        (asked.what(), asked.subject()),
        (again.what(), again.subject()),
        "{path:?} {plain:?}"
    );
    // With every encoded slash taken for a slash.
    let flat: String = parts().map(|part| format!("/{}", encoded(part))).collect();
    let flat = if flat.is_empty() {
        "/".to_owned()
    } else {
        flat
    };
    let flat = Asked::read(method, site, &flat, query);
    let policies = if site == Site::Tool { &TOOL } else { &POLICIES };
    for policy in policies.iter() {
        let decision = policy.decide(&asked, Circumstances::default());
        assert_eq!(
            decision,
            policy.decide(&again, Circumstances::default()),
            "{path:?} {plain:?}"
        );
        if decision.is_allowed() {
            let flat = flat
                .as_ref()
                .expect("what is let through is read when it is flat");
            let there = policy.decide(flat, Circumstances::default());
            assert!(
                there.is_allowed() || flat.what() == What::Unknown,
                "{path:?} {there:?}"
            );
        }
    }
});

fn encoded(segment: &str) -> String {
    percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string()
}
