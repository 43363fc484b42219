//! A GraphQL request, as a whole body and as the document of a well-formed one.
//!
//! Holds that under a limit that admits nothing, nothing that could name a repository is inside.

#![no_main]

use hubgate::publish::graphql;
use hubgate::publish::scope::{Directory, Limit, Verdict};
use hubgate::types::RepositoryPatterns;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let directory = Directory::default();
    directory.learn(br#"{"id":1,"full_name":"acme/web"}"#);
    directory
});

const NAMING: [&str; 7] = [
    "repository",
    "repositoryOwner",
    "organization",
    "user",
    "node",
    "nodes",
    "search",
];

fuzz_target!(|body: &[u8]| {
    let Ok(request) = http::Request::post("/api/graphql")
        .header("content-type", "application/json")
        .body(())
    else {
        return;
    };
    let head = request.into_parts().0;
    let document = serde_json::json!({ "query": String::from_utf8_lossy(body) }).to_string();
    for body in [body, document.as_bytes()] {
        if let Ok(operation) = graphql::read(&head, body) {
            let verdict =
                Limit::new(RepositoryPatterns::default()).judge_graphql(&operation, &DIRECTORY);
            let names = |field: &graphql::Field| NAMING.contains(&&*field.name);
            assert!(verdict != Verdict::Inside || !operation.fields.iter().any(names));
        }
    }
});
