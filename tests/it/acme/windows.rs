//! The authority says when it wants a certificate renewed (RFC 9773), or talks rubbish, or wants to
//! be left alone.

use super::relay::Answer;
use super::turned::{Bench, hours, moment};
use super::{HOSTS, metrics};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::extensions::ParsedExtension;

/// What the certificate is called when the authority is asked for it (RFC 9773 section 4.1).
fn name(leaf: &[u8]) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).unwrap();
    let mut extensions = parsed.iter_extensions();
    let key = extensions.find_map(|one| {
        if let ParsedExtension::AuthorityKeyIdentifier(signer) = one.parsed_extension() {
            signer.key_identifier.clone()
        } else {
            None
        }
    });
    let encoded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let serial = encoded(parsed.raw_serial());
    format!("{}.{serial}", encoded(key.unwrap().0))
}

/// A window so many hours from now.
fn window(from: i64, until: i64, explanation: &str) -> Answer {
    let now = Timestamp::now();
    Answer::window(now + hours(from), now + hours(until), explanation)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_when_the_authority_wants_it() {
    let later = |book: &mut super::relay::Book| book.window = Some(window(2400, 2424, ""));
    let Some(mut bench) = Bench::open("", later).await else {
        return;
    };
    let one = bench.once(|one| one["window"].is_object()).await;
    assert_eq!(one["next_attempt_reason"], "authority");
    assert_eq!(one["issued_reason"], "missing");
    let next = moment(&one["next_attempt"]);
    assert!(moment(&one["window"]["start"]) <= next && next <= moment(&one["window"]["end"]));
    let first = bench.leaf().await;
    {
        let book = bench.relay.book();
        assert_eq!(book.asked.len(), 1);
        assert_eq!(book.asked[0].name, name(&first));
        assert!(book.orders.iter().all(|order| order.replaces.is_none()));
    }

    // It wants it at once, and is asked when it said that it may be.
    let page = "https://ca.example/incident";
    let at_once = window(-2, -1, page);
    bench.relay.book().windows.insert(name(&first), at_once);
    bench.turn(hours(7));
    bench.once(|one| one["issued_reason"] == "authority").await;
    let second = bench.other_leaf(&first).await;
    assert_eq!(bench.logged("says when it wants")[1]["explanation"], page);
    let one = bench.once(|one| one["window"].is_object()).await;
    assert_eq!(one["next_attempt_reason"], "authority");
    let socket = bench.site.path("admin.sock");
    let said = bench
        .site
        .hubgate(&["cert", "--socket", socket.to_str().unwrap()]);
    let said = String::from_utf8(said.stdout).unwrap();
    for words in [
        "  authority's window  ",
        "issued because the authority wanted it",
        "the authority wants it renewed between ",
    ] {
        assert!(said.contains(words), "{said}");
    }
    {
        let book = bench.relay.book();
        let of_first = book.asked.iter().filter(|one| one.name == name(&first));
        let times: Vec<Timestamp> = of_first.map(|one| one.at).collect();
        assert_eq!(times.len(), 2);
        assert!(times[1].duration_since(times[0]) >= hours(6), "{times:?}");
        let replaced = book.orders.last().unwrap().replaces.clone();
        assert_eq!(replaced, Some(name(&first)));
    }

    // One that takes such an order and does not say so is asked without.
    {
        let mut book = bench.relay.book();
        book.forgets_replaced = true;
        let at_once = Answer::window(
            Timestamp::now() - hours(2),
            Timestamp::now() - hours(1),
            page,
        );
        book.windows.insert(name(&second), at_once);
    }
    bench.turn(hours(7));
    bench.other_leaf(&second).await;
    let replaced: Vec<_> = {
        let book = bench.relay.book();
        book.orders.iter().map(|it| it.replaces.clone()).collect()
    };
    assert!(replaced.contains(&Some(name(&second))), "{replaced:?}");
    assert_eq!(replaced.last(), Some(&None));
    assert!(
        !bench
            .logged("names the certificate to be replaced")
            .is_empty()
    );
    let measured = metrics(&bench.site).await;
    let windows = format!(
        "hubgate_certificate_windows_total{{hosts=\"{}\",outcome=\"window\"}} ",
        HOSTS.join(", ")
    );
    assert!(measured.contains(&windows), "{measured}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_offers_windows_no_more_has_it_renewed_when_it_would_be() {
    let later = |book: &mut super::relay::Book| book.window = Some(window(2400, 2424, ""));
    let Some(mut bench) = Bench::open("", later).await else {
        return;
    };
    let one = bench.once(|one| one["window"].is_object()).await;
    let wanted = moment(&one["next_attempt"]);
    bench.relay.book().window = None;
    bench.turn(hours(7));
    let one = bench.once(|one| one["next_attempt_reason"] == "life").await;
    assert_eq!(
        (&one["window"], &one["window_error"]),
        (&Value::Null, &Value::Null)
    );
    let leaf = bench.leaf().await;
    let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
    let validity = parsed.validity();
    let began = Timestamp::from_second(validity.not_before.timestamp()).unwrap();
    let life = validity.not_after.timestamp() - validity.not_before.timestamp();
    let next = moment(&one["next_attempt"]);
    assert_ne!(next, wanted);
    let after = next.duration_since(began).as_secs();
    assert!(
        (life * 2 / 3 - 1..=life * 7 / 10 + 1).contains(&after),
        "{after} of {life}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_made_anew_where_the_authority_thinks_it_replaced_already() {
    let refused = r#"{"type":"urn:ietf:params:acme:error:alreadyReplaced",
        "detail":"another order replaced it","status":409}"#;
    let prepare = |book: &mut super::relay::Book| {
        book.window = Some(window(2400, 2424, ""));
        book.refuses_replaced = Some(Answer::new(409, refused));
    };
    let Some(mut bench) = Bench::open("", prepare).await else {
        return;
    };
    bench.once(|one| one["window"].is_object()).await;
    let first = bench.leaf().await;
    let at_once = window(-2, -1, "");
    bench.relay.book().windows.insert(name(&first), at_once);
    bench.turn(hours(7));
    bench.other_leaf(&first).await;
    let one = bench.once(|one| one["issued_reason"] == "authority").await;
    assert_eq!(one["failures"], 0);
    let replaced: Vec<_> = {
        let book = bench.relay.book();
        book.orders.iter().map(|it| it.replaces.clone()).collect()
    };
    assert!(replaced.contains(&Some(name(&first))), "{replaced:?}");
    assert_eq!(replaced.last(), Some(&None));
    let logged = bench.logged("names the certificate to be replaced");
    let said = logged[0]["message"].as_str().unwrap();
    assert!(said.contains("another order replaced it"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_makes_no_account() {
    let later = |book: &mut super::relay::Book| book.window = Some(window(2400, 2424, ""));
    let Some(mut bench) = Bench::open("", later).await else {
        return;
    };
    bench.once(|one| one["window"].is_object()).await;
    let accounts = |bench: &Bench| {
        let entries = std::fs::read_dir(bench.site.path("state/acme")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let of_account = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("account-")
        };
        paths.filter(of_account).collect::<Vec<_>>()
    };
    let kept = accounts(&bench);
    assert_eq!(kept.len(), 1);
    std::fs::remove_file(&kept[0]).unwrap();
    let sooner = window(2000, 2024, "");
    let start =
        moment(&serde_json::from_slice::<Value>(&sooner.body).unwrap()["suggestedWindow"]["start"]);
    bench.relay.book().window = Some(sooner);
    bench.turn(hours(7));
    bench
        .once(|one| moment(&one["window"]["start"]).as_second() == start.as_second())
        .await;
    assert_eq!(accounts(&bench), Vec::<std::path::PathBuf>::new());
}

/// Answers that are no window, and what is said of them.
fn rubbish() -> Vec<(Answer, &'static str)> {
    let page = "<html>bad gateway</html>";
    vec![
        (Answer::new(200, "{\"suggestedWindow\":"), "JSON"),
        (Answer::new(200, "{}").after("60"), "suggestedWindow"),
        (window(2, 1, ""), "no window"),
        (window(24 * 365 * 20, 24 * 365 * 21, ""), "is over since"),
        (Answer::new(500, page), "500"),
        (Answer::new(503, page).after("18446744073709551615"), "503"),
        (Answer::new(302, ""), "302"),
        (Answer::new(200, vec![b' '; 100 << 20]), "larger than 1 MiB"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_in_the_place_of_a_window_changes_nothing() {
    let mut all = rubbish().into_iter();
    let kinds = all.len();
    let (answer, expected) = all.next().unwrap();
    let first = |book: &mut super::relay::Book| book.window = Some(answer);
    let Some(mut bench) = Bench::open("", first).await else {
        return;
    };
    let told = |expected: &'static str| {
        move |one: &Value| {
            let told = one["window_error"].as_str();
            told.is_some_and(|why| why.contains(expected))
        }
    };
    let one = bench.once(told(expected)).await;
    assert_eq!(one["next_attempt_reason"], "life");
    let leaf = bench.leaf().await;
    for (answer, expected) in all {
        bench.relay.book().window = Some(answer);
        // Beyond the longest pause, or what a Retry-After may ask for.
        bench.turn(hours(24 * 9));
        let again = bench.once(told(expected)).await;
        for unchanged in [
            "next_attempt",
            "next_attempt_reason",
            "not_after",
            "failures",
        ] {
            assert_eq!(again[unchanged], one[unchanged], "{expected}");
        }
        assert_eq!(bench.leaf().await, leaf);
    }
    // Once for each question, which are no closer together than a minute by the gate's clock.
    let lines = bench.logged("does not say when it wants");
    assert_eq!(lines.len(), bench.relay.book().asked.len());
    assert!(lines.len() >= kinds);
    for line in &lines {
        let pause = moment(&line["again"]).duration_since(moment(&line["timestamp"]));
        assert!(pause.as_secs() >= 59, "{line}");
    }
    for pair in lines.windows(2) {
        assert!(
            moment(&pair[1]["timestamp"]) >= moment(&pair[0]["again"]),
            "{pair:?}"
        );
    }
    // One that can be understood is understood, whatever it says of when to come again.
    let good = window(24 * 90, 24 * 91, "").after("18446744073709551615");
    bench.relay.book().window = Some(good);
    bench.turn(hours(24 * 9));
    let one = bench.once(|one| one["window"].is_object()).await;
    assert_eq!(
        (&one["next_attempt_reason"], &one["window_error"]),
        (&"authority".into(), &Value::Null)
    );
    let log = bench.site.log();
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_wants_to_be_left_alone_is() {
    let limited =
        r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many","status":429}"#;
    let refused = Answer::new(429, limited).after("7200");
    let refuse = |book: &mut super::relay::Book| book.refusal = Some(refused);
    let Some(mut bench) = Bench::open("", refuse).await else {
        return;
    };
    let one = bench.once(|one| one["failures"] == 1).await;
    assert!(
        one["last_error"].as_str().unwrap().contains("too many"),
        "{one}"
    );
    assert_eq!(one["next_attempt_reason"], "retry");
    let next = moment(&one["next_attempt"]);
    let began = bench.relay.book().orders[0].at;
    assert!(next.duration_since(began) >= hours(2), "{one}");

    // Then it is away for some hours, and says so as a date.
    let until = bench.now() + hours(12);
    let date = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    bench.relay.book().refusal = Some(Answer::new(503, "<html>maintenance</html>").after(&date));
    let step = jiff::SignedDuration::from_mins(20);
    let mut steps = 0;
    while bench.quiet().await["failures"] == 1 {
        bench.turn(step);
        steps += 1;
    }
    assert!(steps >= 6, "{steps}");
    let one = bench.shown();
    assert_eq!(one["failures"], 2, "{one}");
    assert!(one["last_error"].as_str().unwrap().contains("503"), "{one}");
    let again = moment(&one["next_attempt"]);
    assert!(again.as_second() >= until.as_second() - 1, "{one}");

    bench.relay.book().refusal = None;
    while bench.quiet().await["stands_in"] == true {
        bench.turn(step);
    }
    bench.leaf().await;
    let book = bench.relay.book();
    let at: Vec<Timestamp> = book.orders.iter().map(|order| order.at).collect();
    assert!(at[1] >= next && at[1] < again && at[2] >= again, "{at:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_authority_puts_off_is_left_alone() {
    let limited =
        r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many","status":429}"#;
    let later = r#"{"status":"processing","authorizations":[],"finalize":"https://ca.example/"}"#;
    for (standing, said) in [
        (Answer::new(429, limited).after("7200"), "too many"),
        (Answer::new(200, later).after("7200"), "timed out"),
    ] {
        let puts_off = |book: &mut super::relay::Book| book.standing = Some(standing);
        let Some(bench) = Bench::open("", puts_off).await else {
            return;
        };
        let one = bench.once(|one| one["failures"] == 1).await;
        assert!(one["last_error"].as_str().unwrap().contains(said), "{one}");
        let book = bench.relay.book();
        let next = moment(&one["next_attempt"]);
        let pause = next.duration_since(book.orders.last().unwrap().at);
        assert!(pause >= hours(2), "{one}");
        // Its names are not asked about either.
        assert_eq!(book.looks.len(), 1, "{:?}", book.looks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_wants_every_certificate_renewed_at_once_is_asked_less_and_less() {
    let always = |book: &mut super::relay::Book| book.window = Some(window(-2, -1, ""));
    let Some(mut bench) = Bench::open("", always).await else {
        return;
    };
    for _ in 0..36 {
        let told = |one: &Value| one["window"].is_object();
        bench
            .once(|one| told(one) && moment(&one["next_attempt"]) > bench.now())
            .await;
        bench.turn(jiff::SignedDuration::from_mins(10));
    }
    // After 0, 1, 3, 7, 15, 31, 63, 127 and 255 minutes at the earliest, in six hours.
    let issued = bench.logged("a certificate was issued");
    assert!((5..=9).contains(&issued.len()), "{issued:?}");
    for (number, pair) in issued.windows(2).enumerate() {
        let pause = moment(&pair[1]["timestamp"]).duration_since(moment(&pair[0]["timestamp"]));
        assert!(
            pause.as_secs() >= 60 << number,
            "{number}: {pause} {pair:?}"
        );
        assert_eq!(pair[1]["due"], "authority");
    }
}
