//! Names of the inside in corners of an answer that no program of ours writes: interim answers,
//! reasons, trailers, extensions of chunks, old versions.

use super::bad::impostor;
use super::{Published, url};
use crate::inside::TOKEN;
use crate::outside::{Client, languages::installed, run, search::tells};
use crate::world::{INTERNAL, PUBLIC, all_of, world};

const ANSWERS: [(&str, &str); 12] = [
    (
        "a hint before the answer",
        "HTTP/1.1 103 Early Hints\r\nlink: <https://github.corp.internal/a>; rel=preload\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ),
    (
        "a word to go on",
        "HTTP/1.1 100 Continue\r\nx-by: github.corp.internal\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ),
    (
        "a word of what is done",
        "HTTP/1.1 102 Processing\r\nlocation: https://github.corp.internal/\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ),
    (
        "a reason",
        "HTTP/1.1 200 github.corp.internal\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ),
    (
        "a trailer",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntrailer: x-by\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\n{}\r\n0\r\nx-by: github.corp.internal\r\nlink: <https://github.corp.internal/>\r\n\r\n",
    ),
    (
        "a note beside a chunk",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
         2;by=\"github.corp.internal\"\r\n{}\r\n0;by=github.corp.internal\r\n\r\n",
    ),
    (
        "an old version",
        "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\nx-by: github.corp.internal\r\n\r\n\
         {\"url\":\"https://github.corp.internal/\"}",
    ),
    (
        "no change",
        "HTTP/1.1 304 Not Modified\r\nlink: <https://github.corp.internal/?page=2>; rel=\"next\"\r\n\
         content-location: https://github.corp.internal/\r\n\r\n",
    ),
    (
        "nothing",
        "HTTP/1.1 204 No Content\r\nlocation: https://github.corp.internal/x\r\n\r\n",
    ),
    (
        "the name of a field",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-github.corp.internal: 1\r\ncontent-length: 2\r\n\r\n{}",
    ),
    (
        "another protocol",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-by: github.corp.internal\r\n\r\n\
         github.corp.internal",
    ),
    (
        "what comes after the answer",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}\
         HTTP/1.1 200 OK\r\nx-by: github.corp.internal\r\ncontent-length: 0\r\n\r\n",
    ),
];

#[test]
fn no_corner_of_an_answer_names_the_inside() {
    world(async |world| {
        let listen = "h2 = true";
        let keys = "allow = [\"read-only\"]\ntimeout = \"2s\"";
        let published = Published::listening(&world, listen, keys, "").await;
        let client = Client::at_the_gate(&world);
        for (name, said) in ANSWERS {
            let server = world.corp.server(&all_of(INTERNAL));
            let impostor = impostor(server, said.as_bytes()).await;
            let asked = format!(
                "GET /api/v3/user HTTP/1.1\r\nHost: {PUBLIC}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
            );
            let heard = published.raw(&world, asked.as_bytes()).await;
            let text = String::from_utf8_lossy(&heard);
            assert!(text.starts_with("HTTP/1.1 "), "{name}: {text}");
            assert!(!tells(&heard), "{name}: {text}");
            if installed("curl") {
                let mut command = client.command("curl");
                command.args(["-s", "-i", "--http2", "-m", "20", &url("/api/v3/user")]);
                let heard = run(command).await.out;
                assert!(!tells(heard.as_bytes()), "{name}: {heard}");
            }
            impostor.leave().await;
        }
    });
}
