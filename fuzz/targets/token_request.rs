//! The body of a request for a token.
//!
//! Holds that what is read is what `serde_json` finds there, that nothing that is empty is taken for
//! everything, that no repository is of another owner, and that a refusal is one line.

#![no_main]

use hubgate::broker::{Refusal, TokenRequest};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let request = match TokenRequest::read(input) {
        Ok(request) => request,
        Err(Refusal::Request(why)) => {
            assert!(!why.contains('\n') && !why.contains('\r'), "{why}");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    let plain: Value = serde_json::from_slice(input).expect("it was read");
    let members = plain.as_object().expect("it has members");
    let known = ["app", "owner", "repositories", "permissions"];
    assert!(members.keys().all(|name| known.contains(&name.as_str())));
    assert_eq!(plain["app"], request.app.as_str());
    let owner = plain["owner"].as_str().expect("it has an owner");
    assert!(owner.eq_ignore_ascii_case(request.owner.as_str()));
    match &request.repositories {
        None => assert!(plain["repositories"].is_null()),
        Some(list) => {
            let written = plain["repositories"].as_array().expect("it has a list");
            assert!(!list.is_empty() && list.len() == written.len());
            for (one, written) in list.iter().zip(written) {
                let written = written.as_str().expect("it has names");
                let name = written.rsplit('/').next().expect("there is a last part");
                assert!(one.owner().eq_ignore_ascii_case(owner), "{one}");
                assert!(one.name().eq_ignore_ascii_case(name), "{one}");
                assert!(!one.name().is_empty());
            }
        }
    }
    match &request.permissions {
        None => assert!(plain["permissions"].is_null()),
        Some(list) => {
            let written = plain["permissions"].as_object().expect("it has a list");
            assert!(!written.is_empty() && list.iter().count() == written.len());
            for (kind, level) in list.iter() {
                assert_eq!(written[kind], level.to_string());
            }
        }
    }
});
