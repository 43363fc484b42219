//! How mistakes are told: all at once, each with its place and the right word.

use super::{Place, RIGHT, with};

const BAD: &str = r#"
insecure_inline_secrets = "yes"
[gatway]
workers = 3
[gateway]
state_dir = "var/lib"
workers = -1
drain = "2 fortnights"
[[listen]]
name = "Public"
address = ":443"
tsl = true
[[listen]]
name = "plain"
address = "[::]:80"
tls = false
h2 = true
only = "redirekt"
[[listen]]
name = "plain"
address = "[::]:80"
proxy_protocol = ["0.0.0.0/0", "10.0.0.1/8"]
[[certificate]]
hosts = ["*.*.example.com", "hooks.example.com"]
acme = { directory = "letsencrypt" }
[[source]]
name = "github-hooks"
meta = { url = "http://api.github.com/meta", sections = [], refresh = "1s" }
[[source]]
name = "office"
netwroks = ["192.0.2.0/24"]
[[webhook]]
url = "https://user:hunter2@hooks.example.com/jira?token=hunter2"
secrets = ["inline:hunter2", "hunter2", "file:not-there"]
events = ["pull_request.opened", "push."]
mode = "stored"
max_body = "26MiB"
[[webhook]]
url = "https://hooks.example.com/a/../b"
from = ["github-hook", "offlce"]
secrets = "hunter2"
redelivery_window = 10
[[webhook.to]]
name = "jira"
url = "jira.corp.internal/hook"
timeout = "0s"
attempts = { for = "72h", first = "2h", most = "1h", last = "1s" }
concurrency = 0
order = "repositories"
headers = { Host = "file:host", "X Y" = "file:x" }
allow = ["10.2.0.0/16:http", "10.2.0.0/33"]
ca = "no-ca.pem"
[[webhook.to]]
name = "jira"
[[publish]]
url = "https://ghe.example.com/"
[spool]
engine = "jetstream"
keep = true
max_size = "20 gigs"
[admin]
socket = "admin.sock"
address = "0.0.0.0:9180"
[audit]
syslog = "udp://siem.corp:514"
[log]
format = "xml"
level = "inof"
"#;

#[test]
fn all_mistakes_are_told_at_once_each_with_line_key_found_and_expected() {
    let said = Place::new().complaint(BAD);
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn a_syntax_error_is_told_with_line_and_column_and_never_quotes_the_line() {
    let place = Place::new();
    let said = place.complaint("a = 1\nb = \"inline:hunter2\nc = [1,\n[x]\n");
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn an_unknown_section_of_a_list_hides_nothing_else() {
    let text = format!("{RIGHT}\n[[app]]\nname = \"x\"\n[log]\nlevle = \"info\"\n");
    insta::assert_snapshot!(Place::new().complaint(&text));
}

#[test]
fn what_is_not_there_at_all_is_told_once() {
    let listen = "[[listen]]\nname = \"public\"\naddress = \"127.0.0.1:8443\"\n";
    assert!(RIGHT.contains(listen));
    insta::assert_snapshot!(Place::new().complaint(&RIGHT.replace(listen, "")));
}

#[test]
fn as_installed_it_runs_and_says_what_to_fill_in() {
    let shipped = include_str!("../../../packaging/hubgate.toml");
    let contained = include_str!("../../../packaging/container/hubgate.toml");
    for text in ["", shipped, contained] {
        let config = Place::new().read(text).expect("is right");
        assert!(config.listeners.is_empty());
        let said = config.warnings.join("\n");
        assert!(said.contains("nothing is open to the world yet"), "{said}");
        assert!(said.contains("[[listen]]"), "{said}");
    }
}

#[test]
fn a_name_that_is_wrong_is_not_told_again_where_it_is_used() {
    let text = RIGHT.replace("office", "Head Office");
    insta::assert_snapshot!(Place::new().complaint(&text));
}

#[test]
fn a_list_of_the_wrong_type_is_not_told_to_be_missing_as_well() {
    let place = Place::new();
    for (from, to) in [
        ("networks = [\"192.0.2.0/24\"]", "networks = [1]"),
        (
            "secrets = [\"inline:a secret of some length\"]",
            "secrets = {}",
        ),
        ("from = [\"office\"]", "from = 3"),
    ] {
        let mistakes = place.read(&with(from, to)).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes}");
    }
}

#[test]
fn more_misfits_than_a_person_reads_are_cut_off() {
    let text: String = (0..500).map(|n| format!("unknown{n} = 1\n")).collect();
    let mistakes = Place::new().read(&text).unwrap_err();
    assert_eq!(mistakes.len(), 101);
    assert!(mistakes.to_string().contains("100 mistakes or more"));
}
