//! Answers in chunks, of which pingora writes size, text and end each for itself: they arrive whole
//! and in their order however little of them the client takes at a time.

use super::*;

/// Around what is put together, a record, and more than TLS or the socket take at once.
const SIZES: [usize; 11] = [
    1, 100, 8_186, 8_191, 8_192, 16_384, 3, 40_000, 65_536, 300_000, 7,
];

/// Such a body; any byte out of place shows.
fn body() -> Vec<u8> {
    let length = SIZES.iter().sum::<usize>().div_ceil(4);
    let words = u32::try_from(length).unwrap();
    (0..words).flat_map(u32::to_be_bytes).collect()
}

pub(super) async fn in_chunks(session: &mut Session, known: &Connection) -> pingora::Result<bool> {
    let mut response = ResponseHeader::build(200, None)?;
    response.insert_header("Transfer-Encoding", "chunked")?;
    known.together();
    session
        .write_response_header(Box::new(response), false)
        .await?;
    let body = Bytes::from(body());
    let mut from = 0;
    for (number, size) in SIZES.into_iter().enumerate() {
        let piece = body.slice(from..from + size);
        from += size;
        let last = number + 1 == SIZES.len();
        if last {
            known.together();
        }
        session.write_response_body(Some(piece), last).await?;
    }
    Ok(true)
}

/// Reads an answer, `most` bytes at a time and with pauses, and takes its chunks apart.
async fn read(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), most: usize) -> Vec<u8> {
    let request = b"GET /chunks HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut all = Vec::new();
    let mut piece = vec![0; most];
    while !all.ends_with(b"\r\n0\r\n\r\n") {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "it ended after {} bytes", all.len());
        all.extend_from_slice(&piece[..count]);
        tokio::task::yield_now().await;
    }
    let head = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut rest = &all[head + 4..];
    let mut body = Vec::new();
    loop {
        let (at, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            other => panic!("{other:?} behind {} bytes", body.len()),
        };
        let size = usize::try_from(size).unwrap();
        body.extend_from_slice(&rest[at..at + size]);
        assert_eq!(&rest[at + size..at + size + 2], b"\r\n");
        rest = &rest[at + size + 2..];
        if size == 0 {
            assert!(rest.is_empty(), "{} bytes behind the end", rest.len());
            return body;
        }
    }
}

#[tokio::test]
async fn chunks_arrive_whole_and_in_order_over_tls_and_without() {
    let expected = &body()[..SIZES.iter().sum()];
    let (plain, tls) = (plain().run(), setup().run());
    for most in [1_000, 100_000] {
        // A small window has nearly every write taken in part.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(plain.address).await.unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream_below = socket.connect(tls.address).await.unwrap();
        let mut over_tls = tls.tls_over(stream_below, "localhost").await.unwrap();
        // Twice: what one answer leaves behind would stand before the next.
        for _ in 0..2 {
            assert!(read(&mut stream, most).await == expected);
            assert!(read(&mut over_tls, most).await == expected);
        }
    }
}
