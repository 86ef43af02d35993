use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

/// Answers one connection with these bytes after it has read a request, then closes it.
fn serve(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        let read = stream.read(&mut request).unwrap();
        assert!(read > 0);
        // A client that has seen enough closes early.
        if stream.write_all(&answer).is_err() {}
    });
    format!("http://{address}/v1/customers?email=jane%40example.com")
}

fn send(url: &str, timeout: Duration) -> Result<Response, TransportError> {
    let request = Request {
        method: Method::GET,
        url: url.to_owned(),
        headers: vec![("authorization", HeaderText::secret("Bearer sk_test_1"))],
        body: Bytes::new(),
        timeout,
    };
    wait(async { HttpTransport::new(None).unwrap().send(request).await })
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn an_answer_is_an_answer_whatever_its_status() {
    let url = serve(
        b"HTTP/1.1 402 Payment Required\r\nDate: Tue, 24 Nov 2026 08:12:31 GMT\r\n\
          Content-Length: 2\r\n\r\n{}"
            .to_vec(),
    );
    let response = send(&url, LONG).unwrap();
    assert_eq!(
        (response.status, response.body.as_ref()),
        (402, b"{}".as_ref())
    );
    assert_eq!(
        response.header("date"),
        Some("Tue, 24 Nov 2026 08:12:31 GMT")
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let url = serve(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            .to_vec(),
    );
    assert_eq!(send(&url, LONG).unwrap().status, 302);
}

#[test]
fn a_refused_connection_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = send(&url, LONG).unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
    assert!(error.source().is_some());
}

#[test]
fn a_failed_handshake_sent_nothing() {
    let url = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).replace("http:", "https:");
    let error = send(&url, LONG).unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
}

#[test]
fn a_broken_answer_is_lost_and_names_no_customer() {
    for answer in [
        b"".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec(),
        b"no http at all\r\n\r\n".to_vec(),
    ] {
        let error = send(&serve(answer), LONG).unwrap_err();
        assert!(matches!(error, TransportError::Lost(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("jane"), "{error:?}");
    }
}

#[test]
fn a_silent_remote_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let error = send(&url, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, TransportError::Lost(_)), "{error:?}");
    drop(listener);
}

#[test]
fn an_answer_without_end_is_cut() {
    let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    answer.resize(RESPONSE_BYTES_MAX + 4_096, b' ');
    let error = send(&serve(answer), LONG).unwrap_err();
    assert!(
        matches!(error, TransportError::TooLarge { .. }),
        "{error:?}"
    );
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(HttpTransport::new(Some(broken)).is_err());
}

#[test]
fn secrets_and_customers_are_not_in_debug_forms() {
    let request = Request {
        method: Method::GET,
        url: "https://api.example/customers?email=jane%40example.com".to_owned(),
        headers: vec![
            ("x-api-key", HeaderText::secret("key-1")),
            ("accept", HeaderText::plain("application/json")),
        ],
        body: Bytes::from_static(b"jane"),
        timeout: LONG,
    };
    let shown = format!("{request:?}");
    assert!(shown.contains("application/json"));
    assert!(
        !shown.contains("key-1") && !shown.contains("jane"),
        "{shown}"
    );
}
