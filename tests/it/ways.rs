//! What comes in reaches its target as it came, and what a route asks for happens.

use crate::harness::{HOST, SECRET, Site, Tool, eventually, guid, sign};

const BODY: &[u8] = br#"{"action":"opened","repository":{"full_name":"acme/web"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn only_documented_headers_pass_and_ours_are_added() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook(
        "",
        tool.address,
        r#"headers = { Authorization = "inline:Basic abc" }"#,
    );
    let gate = site.start().await;
    let id = guid();
    let answer = gate
        .push(&gate.client(), &id, BODY)
        .header("x-github-encoded-secret", "c2VjcmV0")
        .header("x-jenkins-validation", "1")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-hub-signature", "sha1=00")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let said: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        said,
        serde_json::json!({"status": "accepted", "delivery": id})
    );
    let got = tool.one().await;
    assert_eq!((got.path.as_str(), got.body.as_slice()), ("/in", BODY));
    let of = |name: &str| got.headers.get(name).map(String::as_str);
    assert_eq!(of("x-github-delivery"), Some(id.as_str()));
    assert_eq!(of("x-github-event"), Some("push"));
    assert_eq!(of("x-github-hook-id"), Some("292430182"));
    assert_eq!(of("x-hub-signature-256"), Some(sign(SECRET, BODY).as_str()));
    assert_eq!(of("x-hub-signature"), Some("sha1=00"));
    assert_eq!(of("user-agent"), Some("GitHub-Hookshot/044aadd"));
    assert_eq!(of("content-type"), Some("application/json"));
    assert_eq!(of("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(of("x-forwarded-proto"), Some("https"));
    assert_eq!(of("x-forwarded-host"), Some(HOST));
    assert_eq!(of("x-hubgate-attempt"), Some("1"));
    assert_eq!(of("authorization"), Some("Basic abc"));
    assert!(of("x-request-id").is_some());
    for absent in ["x-github-encoded-secret", "x-jenkins-validation", "cookie"] {
        assert_eq!(of(absent), None, "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unwanted_events_and_filtered_payloads_are_ignored_with_202() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let keys = r#"events = ["pull_request.opened"]
filter = 'body.repository.full_name.startsWith("acme/")'"#;
    site.configure_hook(keys, tool.address, "");
    let gate = site.start().await;
    let client = gate.client();
    let rows: [(&str, &[u8], &str); 4] = [
        ("push", BODY, "ignored_event"),
        ("pull_request", br#"{"action":"closed"}"#, "ignored_event"),
        (
            "pull_request",
            br#"{"action":"opened","repository":{"full_name":"x/y"}}"#,
            "ignored_filter",
        ),
        (
            "pull_request",
            br#"{"action":"opened"}"#,
            "ignored_filter_failed",
        ),
    ];
    for (event, body, reason) in rows {
        let mut request = gate.push(&client, &guid(), body).build().unwrap();
        request
            .headers_mut()
            .insert("x-github-event", event.parse().unwrap());
        let answer = client.execute(request).await.unwrap();
        assert_eq!(answer.status(), 202);
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(answer.text().await.unwrap(), r#"{"status":"ignored"}"#);
        assert_eq!(site.audited(&id).await["reason"], reason);
    }
    let mut wanted = gate.push(&client, &guid(), BODY).build().unwrap();
    wanted
        .headers_mut()
        .insert("x-github-event", "pull_request".parse().unwrap());
    assert_eq!(client.execute(wanted).await.unwrap().status(), 202);
    assert_eq!(tool.one().await.body, BODY);
    assert_eq!(tool.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_told_and_not_delivered_twice() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook(r#"redelivery_window = "1h""#, tool.address, "");
    let gate = site.start().await;
    let (client, id) = (gate.client(), guid());
    assert_eq!(
        gate.push(&client, &id, BODY).send().await.unwrap().status(),
        202
    );
    let again = gate.push(&client, &id, BODY).send().await.unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(again.text().await.unwrap(), r#"{"status":"duplicate"}"#);
    // The same GUID with another body is another hook's view of the event: kept as well.
    assert_eq!(
        gate.push(&client, &id, b"{}")
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    eventually(|| (tool.count() == 2).then_some(())).await;
    let record = eventually(|| {
        site.audit()
            .into_iter()
            .find(|r| r["reason"] == "accepted_conflicting")
    })
    .await;
    assert_eq!(record["guid"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_says_which_of_several_secrets_matched() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure(&format!(
        r#"[[webhook]]
url = "https://{HOST}/hook"
from = ["here"]
secrets = ["inline:the newer secret", "inline:{SECRET}"]
[[webhook.to]]
name = "tool"
url = "http://{}/in"
resign = "inline:the tool's own secret"
"#,
        tool.address
    ));
    let gate = site.start().await;
    let answer = gate
        .push(&gate.client(), &guid(), BODY)
        .send()
        .await
        .unwrap();
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let record = site.audited(&id).await;
    assert_eq!(
        (&record["secret"], &record["reason"]),
        (&1.into(), &"accepted".into())
    );
    let signed = tool.one().await.headers["x-hub-signature-256"].clone();
    assert_eq!(signed, sign("the tool's own secret", BODY));
    let said = format!("{}{:?}", site.log(), site.audit());
    for secret in [SECRET, "the newer secret", "the tool's own secret"] {
        assert!(!said.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_checked_and_passed_on_as_it_came() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook(r#"events = ["push.opened"]"#, tool.address, "");
    let gate = site.start().await;
    let client = gate.client();
    let payload: String = form_urlencoded::byte_serialize(BODY).collect();
    let form = format!("payload={payload}");
    for (body, status) in [(form.as_str(), 202), ("other=1", 415), ("payload=%7B", 400)] {
        let mut request = gate
            .push(&client, &guid(), body.as_bytes())
            .build()
            .unwrap();
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", kind);
        assert_eq!(
            client.execute(request).await.unwrap().status(),
            status,
            "{body}"
        );
    }
    assert_eq!(tool.one().await.body, form.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn through_answers_what_the_tool_answers() {
    let site = Site::new();
    let tool = Tool::answering(|nth| [201, 500][nth]).await;
    site.configure_hook(r#"mode = "through""#, tool.address, "");
    let gate = site.start().await;
    for status in [201, 500] {
        let answer = gate
            .push(&gate.client(), &guid(), BODY)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text().await.unwrap(), "the tool's answer");
    }
    assert_eq!(tool.all()[0].body, BODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_has_its_own_fate() {
    let (site, good) = (Site::new(), Tool::open().await);
    let bad = Tool::answering(|nth| if nth < 5 { 500 } else { 204 }).await;
    site.configure_hook(
        "",
        good.address,
        &format!(
            r#"[[webhook.to]]
name = "moody"
url = "http://{}/in"
attempts = {{ for = "1h", first = "10ms", most = "20ms" }}"#,
            bad.address
        ),
    );
    let gate = site.start().await;
    assert_eq!(
        gate.push(&gate.client(), &guid(), BODY)
            .send()
            .await
            .unwrap()
            .status(),
        202
    );
    eventually(|| (bad.count() == 6).then_some(())).await;
    assert_eq!(good.count(), 1);
    assert!(bad.all().iter().all(|got| got.body == BODY));
    let socket = site.path("admin.sock");
    let shown = eventually(|| {
        let out = site.hubgate(&[
            "deliveries",
            "show",
            "1",
            "--json",
            "--socket",
            socket.to_str()?,
        ]);
        let shown: serde_json::Value = serde_json::from_slice(&out.stdout).ok()?;
        let done = |target: &serde_json::Value| target["state"] == "delivered";
        shown["targets"]
            .as_array()?
            .iter()
            .all(done)
            .then_some(shown)
    })
    .await;
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 7, "{shown}");
}
