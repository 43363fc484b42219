//! No secret leaves by any way: a canary in each, every flow run at the most talkative log level,
//! and all that came out searched for it.

use crate::harness::{HOST, Site, Tool, eventually, guid, private, sign};
use base64::Engine as _;
use std::path::Path;

const HOOK: &str = "canary-hook-1f9a7c53d2";
const OLD_HOOK: &str = "canary-old-hook-77ab03e1";
const TARGET: &str = "Basic canary-target-b3c04d91aa";
const RESIGN: &str = "canary-resign-5de8812f09";
const TOKEN: &str = "canary-admin-token-c9017754";
const ENCODED: &str = "canary-encoded-secret-08bd";
const COOKIE: &str = "canary-cookie-60d1ef3a";
const BODY: &[u8] = br#"{"action":"opened","repository":{"full_name":"acme/web"}}"#;

/// A canary in the spellings that it could leave in.
fn spellings(canary: &str) -> Vec<Vec<u8>> {
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers = canary.bytes().map(|byte| byte.to_string());
    let numbers: Vec<String> = numbers.collect();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(canary);
    vec![
        canary.as_bytes().to_vec(),
        hex.into_bytes(),
        // As a list of bytes that was printed for debugging.
        numbers.join(", ").into_bytes(),
        base64.into_bytes(),
    ]
}

fn files(at: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_comes_out() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let moody = Tool::answering(|nth| if nth == 0 { 401 } else { 200 }).await;
    std::fs::write(site.path("hook"), HOOK).unwrap();
    private(&site.path("hook"));
    let at = site.path("");
    site.configure(&format!(
        r#"[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["file:{}hook", "inline:{OLD_HOOK}"]
[[webhook.to]]
name = "tool"
url = "http://{}/in"
headers = {{ Authorization = "inline:{TARGET}" }}
resign = "inline:{RESIGN}"
[[webhook.to]]
name = "moody"
url = "http://{}/in"
headers = {{ Authorization = "inline:{TARGET}" }}
attempts = {{ for = "1h", first = "10ms", most = "50ms" }}
[log]
level = "trace"
"#,
        at.display(),
        tool.address,
        moody.address
    ));
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let socket = format!("socket = \"{}admin.sock\"", at.display());
    let door = format!("{socket}\naddress = \"127.0.0.1:0\"\ntoken = \"inline:{TOKEN}\"");
    assert!(text.contains(&socket));
    let good = text.replace(&socket, &door);
    std::fs::write(&file, &good).unwrap();

    let mut said: Vec<(String, Vec<u8>)> = Vec::new();
    let gate = site.start().await;
    let limits = format!("/proc/{}/limits", gate.process());
    let limits = std::fs::read_to_string(limits).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "a core dump would hold them all");
    let client = gate.client();
    for (secret, body) in [
        (HOOK, BODY),
        (OLD_HOOK, b"{}".as_slice()),
        (HOOK, b"{".as_slice()),
        ("another", BODY),
    ] {
        let mut request = gate.push(&client, &guid(), body).build().unwrap();
        let headers = request.headers_mut();
        headers.insert("x-hub-signature-256", sign(secret, body).parse().unwrap());
        headers.insert("x-github-encoded-secret", ENCODED.parse().unwrap());
        headers.insert("cookie", COOKIE.parse().unwrap());
        let answer = client.execute(request).await.unwrap();
        said.push((
            "headers".to_owned(),
            format!("{:?}", answer.headers()).into_bytes(),
        ));
        said.push(("answer".to_owned(), answer.bytes().await.unwrap().to_vec()));
    }
    eventually(|| (tool.count() == 2 && moody.count() == 3).then_some(())).await;

    let socket = site.path("admin.sock");
    let socket = socket.to_str().unwrap();
    let config = file.to_str().unwrap();
    let mut ask = |arguments: &[&str]| {
        let out = site.hubgate(arguments);
        said.push((format!("{arguments:?}"), [out.stdout, out.stderr].concat()));
    };
    ask(&["status", "--json", "--socket", socket]);
    ask(&["sources", "--socket", socket]);
    ask(&["deliveries", "list", "--json", "--socket", socket]);
    ask(&["deliveries", "show", "1", "--json", "--socket", socket]);
    ask(&["deliveries", "redeliver", "1", "--socket", socket]);
    ask(&["check", "--config", config]);
    ask(&["reload", "--socket", socket]);
    // Mistakes right at the secrets, told by `check` and by a refused reload.
    for (right, wrong) in [
        ("\"inline:canary-old", "\"inlin:canary-old"),
        ("\"inline:canary-old", "\"canary-old"),
        ("resign = \"inline:", "resign = \"inline:\\q"),
        ("resign = ", "resing = "),
        (
            "insecure_inline_secrets = true",
            "insecure_inline_secrets = false",
        ),
        (
            "Authorization = \"inline:Basic ",
            "Authorization = \"inline:\\u0001",
        ),
        (
            "resign = \"inline:canary-resign-5de8812f09\"",
            "resign = [\"inline:canary-resign-5de8812f09\"]",
        ),
    ] {
        assert!(good.contains(right), "{right}");
        std::fs::write(&file, good.replace(right, wrong)).unwrap();
        ask(&["check", "--config", config]);
        ask(&["reload", "--socket", socket]);
    }
    let curl = |path: &str| {
        let url = format!("http://admin{path}");
        let arguments = ["-s", "-i", "--unix-socket", socket, &url];
        std::process::Command::new("curl").args(arguments).output()
    };
    for path in [
        "/metrics",
        "/readyz",
        "/api/v1/status",
        "/api/v1/routes",
        "/api/v1/sources",
        "/api/v1/certificates",
        "/api/v1/targets",
        "/api/v1/deliveries",
        "/api/v1/deliveries/1",
        "/api/v1/openapi.json",
    ] {
        let out = curl(path).unwrap();
        assert!(out.stdout.starts_with(b"HTTP/1.1 200"), "{path}");
        said.push((path.to_owned(), out.stdout));
    }
    // The tool itself gets its own header and signature, and nothing of the others'.
    let got = tool.all().remove(0);
    assert_eq!(got.headers["authorization"], TARGET);
    for header in ["x-github-encoded-secret", "cookie"] {
        assert!(!got.headers.contains_key(header), "{header}");
    }
    drop(gate);

    files(&site.path("state"), &mut said);
    said.push(("log".to_owned(), std::fs::read(site.path("log")).unwrap()));
    said.push((
        "audit".to_owned(),
        std::fs::read(site.path("audit.jsonl")).unwrap(),
    ));
    // Only the tail of the key file: its first and last lines are the same in every key.
    let key = std::fs::read_to_string(site.path("key.pem")).unwrap();
    let key = key.lines().nth(1).unwrap().to_owned();
    let canaries = [
        HOOK,
        OLD_HOOK,
        TARGET.trim_start_matches("Basic "),
        RESIGN,
        TOKEN,
        ENCODED,
        COOKIE,
        &key,
    ];
    let mut leaks = Vec::new();
    for (place, bytes) in &said {
        for canary in canaries {
            for spelling in spellings(canary) {
                if let Some(at) = memchr::memmem::find(bytes, &spelling) {
                    let from = at.saturating_sub(120);
                    let around = &bytes[from..bytes.len().min(at + 60)];
                    leaks.push(format!("{place}: {}", String::from_utf8_lossy(around)));
                }
            }
        }
    }
    assert!(said.len() > 30, "only {} places were searched", said.len());
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}
