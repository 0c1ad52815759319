//! A stand-in for the server, for the tests of this harness alone: the contract's routes, a queue
//! in memory, blocking threads, and one fault that it commits on purpose.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use serde_json::{Value, json};

use crate::clock::unix_seconds;
use crate::error::Failure;
use crate::events::keyed;
use crate::process::ProcessUsage;
use crate::target::{Started, Target};
use crate::wire::Head;

const DELIVERERS: usize = 8;
const ENDPOINT_KEY: &[u8] = b"an endpoint key of the fake";

/// What the fake does wrong with every `n`th event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Drop(u64),
    Repeat(u64),
    ChangeByte(u64),
    SignBadly(u64),
    Answer(u64, u16),
    HangUp(u64),
    /// Everything arrives, and is still listed as `PENDING`.
    Forget,
}

/// A server in this process. Its queue outlives a stop.
pub(crate) struct Fake {
    listen: String,
    state: Arc<State>,
    running: Option<Running>,
}

struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

struct State {
    fault: Fault,
    stripe_secret: Mutex<String>,
    endpoints: Mutex<Vec<String>>,
    queue: Mutex<VecDeque<Delivery>>,
    /// Refused once; due again only after a restart.
    parked: Mutex<VecDeque<Delivery>>,
    wake: Condvar,
    accepted: AtomicU64,
}

#[derive(Clone)]
struct Delivery {
    url: String,
    body: Arc<Vec<u8>>,
    bad_signature: bool,
}

impl Fake {
    pub(crate) fn new(fault: Fault) -> Self {
        let state = State {
            fault,
            stripe_secret: Mutex::default(),
            endpoints: Mutex::default(),
            queue: Mutex::default(),
            parked: Mutex::default(),
            wake: Condvar::new(),
            accepted: AtomicU64::new(0),
        };
        Self { listen: "127.0.0.1:0".to_owned(), state: Arc::new(state), running: None }
    }
}

/// Not a test: the fake as a process of its own, for the test that starts and stops one.
#[test]
#[ignore = "runs until it is stopped"]
fn as_a_process() {
    let Ok(listen) = std::env::var("FAKE_LISTEN") else { return };
    let mut fake = Fake { listen, ..Fake::new(Fault::None) };
    fake.start("", None).unwrap();
    // Whoever started it stops it; should that fail, it ends by itself.
    thread::sleep(Duration::from_secs(60));
}

impl Target for Fake {
    fn start(&mut self, _: &str, _: Option<Duration>) -> Result<Started, Failure> {
        let listener = TcpListener::bind(&self.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        self.state.queue.lock().unwrap().append(&mut self.state.parked.lock().unwrap());
        let mut threads = Vec::new();
        let (state, stopped) = (Arc::clone(&self.state), Arc::clone(&stop));
        threads.push(thread::spawn(move || accept(&listener, &state, &stopped)));
        for _ in 0..DELIVERERS {
            let (state, stopped) = (Arc::clone(&self.state), Arc::clone(&stop));
            threads.push(thread::spawn(move || state.deliver_until(&stopped)));
        }
        self.running = Some(Running { address, stop, threads });
        Ok(Started { address, took: Duration::from_millis(1) })
    }

    fn stop(&mut self) -> Result<(), Failure> {
        let Some(running) = self.running.take() else { return Ok(()) };
        running.stop.store(true, Relaxed);
        self.state.wake.notify_all();
        // The listener looks at the switch when somebody connects.
        drop(TcpStream::connect(running.address));
        running.threads.into_iter().for_each(|thread| thread.join().unwrap());
        Ok(())
    }

    fn usage(&self) -> Option<ProcessUsage> {
        None
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "a fake".to_owned()
    }

    fn admin_key(&self) -> &str {
        "admin"
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>, stop: &Arc<AtomicBool>) {
    while let Ok((stream, _)) = listener.accept() {
        if stop.load(Relaxed) {
            return;
        }
        let state = Arc::clone(state);
        thread::spawn(move || {
            let mut stream = stream;
            stream.set_nodelay(true).unwrap();
            let mut buffer = Vec::new();
            while let Ok(Some((head_bytes, total))) = read_message(&mut stream, &mut buffer) {
                let head = Head::parse(&buffer).unwrap().unwrap();
                let Some((status, body)) = state.answer(&head, &buffer[head_bytes..total]) else {
                    return;
                };
                let body = body.to_string();
                let length = body.len();
                let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
                if stream.write_all(text.as_bytes()).is_err() || head.closes {
                    return;
                }
                buffer.drain(..total);
            }
        });
    }
}

impl State {
    /// `None` hangs up.
    fn answer(&self, head: &Head<'_>, body: &[u8]) -> Option<(u16, Value)> {
        let path = String::from_utf8(head.path().unwrap().to_vec()).unwrap();
        let json = || serde_json::from_slice::<Value>(body).unwrap();
        Some(match path.as_str() {
            "/healthz" => (200, json!({})),
            "/in/src_1" => return self.ingest(head, body),
            "/v1/merchants" => (201, json!({ "id": "mch_1" })),
            "/v1/merchants/mch_1/keys" => (201, json!({ "id": "key_1", "key": "merchant" })),
            "/v1/sources" => {
                json()["secrets"][0]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut self.stripe_secret.lock().unwrap());
                (201, json!({ "id": "src_1", "ingest_url": "http://fake.test/in/src_1" }))
            }
            "/v1/endpoints" => {
                self.endpoints.lock().unwrap().push(json()["url"].as_str().unwrap().to_owned());
                let secret = format!("whsec_{}", STANDARD.encode(ENDPOINT_KEY));
                (201, json!({ "id": "end_1", "secret": secret }))
            }
            "/v1/deliveries?state=PENDING&limit=1" if self.fault == Fault::Forget => {
                (200, json!({ "data": [{}], "next": null }))
            }
            _ if path.starts_with("/v1/deliveries?") => (200, json!({ "data": [], "next": null })),
            _ => (404, json!({ "code": "not_found" })),
        })
    }

    fn ingest(&self, head: &Head<'_>, body: &[u8]) -> Option<(u16, Value)> {
        let header = head.header(b"stripe-signature").unwrap();
        let header = std::str::from_utf8(header).unwrap();
        let (time, claimed) = header.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let mut mac = keyed(self.stripe_secret.lock().unwrap().as_bytes());
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        let right: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        if right != claimed {
            return Some((401, json!({})));
        }
        let count = self.accepted.fetch_add(1, Relaxed) + 1;
        let hit = |every: u64| count.is_multiple_of(every);
        let (mut body, mut copies, mut bad_signature) = (body.to_vec(), 1, false);
        match self.fault {
            Fault::Drop(n) if hit(n) => copies = 0,
            Fault::Repeat(n) if hit(n) => copies = 2,
            Fault::ChangeByte(n) if hit(n) => body[100] ^= 1,
            Fault::SignBadly(n) => bad_signature = hit(n),
            Fault::Answer(n, status) if hit(n) => return Some((status, json!({}))),
            Fault::HangUp(n) if hit(n) => return None,
            _ => {}
        }
        let body = Arc::new(body);
        for url in self.endpoints.lock().unwrap().iter() {
            for _ in 0..copies {
                let (url, body) = (url.clone(), Arc::clone(&body));
                self.queue.lock().unwrap().push_back(Delivery { url, body, bad_signature });
                self.wake.notify_one();
            }
        }
        Some((200, json!({ "received": true })))
    }

    fn deliver_until(&self, stop: &AtomicBool) {
        let mut connections = HashMap::new();
        loop {
            let mut queue = self.queue.lock().unwrap();
            let delivery = loop {
                if stop.load(Relaxed) {
                    return;
                }
                match queue.pop_front() {
                    Some(delivery) => break delivery,
                    None => {
                        queue = self.wake.wait_timeout(queue, Duration::from_millis(50)).unwrap().0
                    }
                }
            };
            drop(queue);
            match attempt(&mut connections, &delivery) {
                Ok(200) => {}
                Ok(_) => self.parked.lock().unwrap().push_back(delivery),
                Err(_) if stop.load(Relaxed) => self.parked.lock().unwrap().push_back(delivery),
                // A receiver that has stopped listening: the test is over.
                Err(_) => return,
            }
        }
    }
}

fn attempt(connections: &mut HashMap<String, TcpStream>, delivery: &Delivery) -> io::Result<u16> {
    let rest = delivery.url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let (id, time) = ("evt_1", unix_seconds());
    let mut mac = keyed(ENDPOINT_KEY);
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(if delivery.bad_signature { b"other" } else { &delivery.body });
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let mut request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {time}\r\nwebhook-signature: v1,{signature}\r\n\
         content-length: {}\r\n\r\n",
        delivery.body.len()
    )
    .into_bytes();
    request.extend_from_slice(&delivery.body);
    let stream = match connections.entry(host.to_owned()) {
        std::collections::hash_map::Entry::Occupied(open) => open.into_mut(),
        std::collections::hash_map::Entry::Vacant(none) => {
            let stream = TcpStream::connect(host)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            none.insert(stream)
        }
    };
    stream.write_all(&request)?;
    let mut buffer = Vec::new();
    read_message(stream, &mut buffer)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Head::parse(&buffer).unwrap().unwrap().status().unwrap())
}

/// Reads until `buffer` begins with a whole message; its head's and its own length.
fn read_message(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(usize, usize)>> {
    let mut chunk = [0; 32 * 1024];
    loop {
        if let Some(head) = Head::parse(buffer).map_err(io::Error::other)?
            && buffer.len() >= head.message_bytes()
        {
            return Ok(Some((head.head_bytes, head.message_bytes())));
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            read => buffer.extend_from_slice(&chunk[..read]),
        }
    }
}
