//! A receiver of webhooks that follows a script: one step for each request, the last one for good.
//! Bytes are written by hand, because half of the tests need answers that no server would give.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What to do about a request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Answer, and keep the connection.
    Say(Vec<u8>),
    /// Answer, and close the connection.
    SayAndClose(Vec<u8>),
    /// Say the beginning of an answer and then nothing more.
    SayAndHang(Vec<u8>),
    /// Say the first, then the second again and again.
    SayForever(Vec<u8>, Vec<u8>),
}

/// An answer in full.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Word\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// The answer most receivers give.
pub(crate) fn ok() -> Step {
    Step::Say(answer(200, "", b"ok"))
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn headers(&self) -> Vec<(&str, &str)> {
        self.head.lines().skip(1).map(|line| line.split_once(": ").unwrap()).collect()
    }
}

#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<Arrived>,
    hang_ups: usize,
    sni: Vec<String>,
}

/// Stopped when dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    accepting: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Receiver {
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::listen(steps, None).await
    }

    pub(crate) async fn start_tls(tls: TlsAcceptor) -> Self {
        Self::listen([ok()], Some(tls)).await
    }

    async fn listen(steps: impl IntoIterator<Item = Step>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let steps: Arc<Mutex<VecDeque<Step>>> = Arc::new(Mutex::new(steps.into_iter().collect()));
        let accepting = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let (tcp, _) = listener.accept().await.unwrap();
                    seen.lock().unwrap().connections += 1;
                    let (seen, steps, tls) = (Arc::clone(&seen), Arc::clone(&steps), tls.clone());
                    tokio::spawn(async move {
                        let Some(tls) = tls else { return serve(tcp, &steps, &seen).await };
                        let Ok(stream) = tls.accept(tcp).await else { return };
                        let sni = stream.get_ref().1.server_name().map(str::to_owned);
                        seen.lock().unwrap().sni.extend(sni);
                        serve(stream, &steps, &seen).await;
                    });
                }
            }
        });
        Self { address, seen, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks?shop=7", self.address)
    }

    /// Connections taken so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Whole requests so far.
    pub(crate) fn requests(&self) -> Vec<Arrived> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// Waits until a [`Step::SayForever`] had to stop, because nobody was there any more.
    pub(crate) async fn hung_up_on(&self) {
        while self.seen.lock().unwrap().hang_ups == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Host names that TLS clients asked for.
    pub(crate) fn sni(&self) -> Vec<String> {
        self.seen.lock().unwrap().sni.clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    steps: &Mutex<VecDeque<Step>>,
    seen: &Mutex<Seen>,
) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().requests.push(request);
        let step = {
            let mut steps = steps.lock().unwrap();
            if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() }
        };
        let written = match step.expect("a script has at least one step") {
            Step::Say(bytes) => stream.write_all(&bytes).await,
            Step::SayAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Step::SayAndHang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Step::SayForever(first, again) => {
                let mut written = stream.write_all(&first).await;
                while written.is_ok() {
                    written = stream.write_all(&again).await;
                }
                seen.lock().unwrap().hang_ups += 1;
                written
            }
        };
        if written.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Arrived> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().trim_end().to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("every request says its length").parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Arrived { head, body })
}
