//! GitHub's published signatures hold, and a flipped bit never passes.

use crate::harness::{Gate, SECRET, Site, Tool, eventually, guid};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// How many deliveries are tried, each whole and with one bit flipped.
const CASES: u32 = 300;

/// The signature by another implementation than the gateway's.
fn tag(secret: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn header(tag: &[u8]) -> String {
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[derive(Debug, Clone, Copy)]
enum Flipped {
    Body(usize),
    Tag(usize),
    Secret(usize),
}

fn flip(bytes: &mut [u8], bit: usize) {
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

async fn answered(gate: &Gate, client: &reqwest::Client, body: &[u8], signature: &str) -> u16 {
    let mut request = gate.push(client, &guid(), body).build().unwrap();
    let headers = request.headers_mut();
    headers.insert("x-hub-signature-256", signature.parse().unwrap());
    let answer = client.execute(request).await.unwrap();
    let status = answer.status().as_u16();
    // Read to its end, so that the connection is used again.
    answer.bytes().await.unwrap();
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn githubs_published_signatures_hold() {
    let rows = [
        (
            "It's a Secret to Everybody",
            "Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            // Signed, and only then seen to be no JSON.
            400,
        ),
        (
            "mysecret",
            r#"{"foo":"bar"}"#,
            "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3",
            202,
        ),
    ];
    for (secret, body, hex, status) in rows {
        let (site, tool) = (Site::new(), Tool::open().await);
        site.configure_hook("", tool.address, "");
        let file = site.path("hubgate.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(SECRET, secret)).unwrap();
        let gate = site.start().await;
        let client = gate.client();
        let signature = format!("sha256={hex}");
        let told = answered(&gate, &client, body.as_bytes(), &signature).await;
        assert_eq!(told, status, "{secret}");
        let other = format!("sha256={}", hex.replace('7', "8"));
        assert_eq!(answered(&gate, &client, body.as_bytes(), &other).await, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_body_signature_or_secret_never_passes() {
    let (site, tool) = (Site::new(), Tool::open().await);
    site.configure_hook("", tool.address, "");
    let gate = site.start().await;
    let client = gate.client();
    let runtime = tokio::runtime::Handle::current();
    let flipped = any::<(u8, usize)>().prop_map(|(kind, bit)| match kind % 3 {
        0 => Flipped::Body(bit),
        1 => Flipped::Tag(bit),
        _ => Flipped::Secret(bit),
    });
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let case = |(text, flipped): (String, Flipped)| {
        let body = serde_json::to_vec(&serde_json::json!({ "text": text })).unwrap();
        let (mut other, mut secret) = (body.clone(), SECRET.as_bytes().to_vec());
        let right = tag(&secret, &body);
        let mut wrong = right.clone();
        match flipped {
            Flipped::Body(bit) => flip(&mut other, bit),
            Flipped::Tag(bit) => flip(&mut wrong, bit),
            Flipped::Secret(bit) => {
                flip(&mut secret, bit);
                wrong = tag(&secret, &body);
            }
        }
        let ask = async {
            let good = answered(&gate, &client, &body, &header(&right)).await;
            (
                good,
                answered(&gate, &client, &other, &header(&wrong)).await,
            )
        };
        let told = tokio::task::block_in_place(|| runtime.block_on(ask));
        if told == (202, 401) {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("answered {told:?}")))
        }
    };
    match runner.run(&(".{0,400}", flipped), case) {
        Ok(()) => {}
        Err(TestError::Fail(why, least)) => panic!("{why}: {least:?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
    let accepted = CASES as usize;
    eventually(|| (tool.count() >= accepted).then_some(())).await;
    assert_eq!(tool.count(), accepted);
    let passed = |got: &crate::harness::Got| {
        got.headers["x-hub-signature-256"] == header(&tag(SECRET.as_bytes(), &got.body))
    };
    assert!(tool.all().iter().all(passed));
}
