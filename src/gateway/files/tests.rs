//! Tests of the limit of open files.

use super::*;

const TEXT: &str = r#"
insecure_inline_secrets = true
[[listen]]
name = "public"
address = "127.0.0.1:8443"
tls = false
[[webhook]]
url = "http://hooks.example.com/jira"
from = "anywhere"
secrets = ["inline:a secret of some length"]
[[webhook.to]]
name = "jira"
url = "https://jira.corp.example/hook"
concurrency = 10
"#;

fn files(limit: u64, text: &str) -> Files {
    let config = Config::from_text(text, std::path::Path::new("/nowhere"));
    Files::within(limit, &config.unwrap())
}

#[test]
fn where_there_are_files_for_all_connections_nothing_is_said_and_all_are_taken() {
    assert_eq!(files(20_276, TEXT).needed(), 20_276);
    assert_eq!(files(20_276, TEXT).lack(), None);
    for limit in [20_276, 1 << 20, u64::MAX] {
        assert_eq!(files(limit, TEXT).bounds(), Bounds::default());
    }
}

#[test]
fn where_there_are_not_fewer_connections_are_taken_and_that_is_said() {
    let passing = TEXT.replace("[[webhook.to]]", "mode = \"through\"\n[[webhook.to]]");
    let rows = [
        (20_275, TEXT, 19_999, 1_024),
        (1_024, TEXT, 748, 748),
        (300, TEXT, 150, 150),
        (20_276, &passing, 10_000, 1_024),
    ];
    for (limit, text, total, per_address) in rows {
        let files = files(limit, text);
        assert_eq!(files.bounds(), Bounds { total, per_address }, "{limit}");
        let said = files.lack().unwrap();
        for part in [limit.to_string(), format!(" {total} connections")] {
            assert!(said.contains(&part), "{said}");
        }
    }
}
