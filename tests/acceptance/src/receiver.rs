//! A merchant's server: a real one, on a loopback port, that records exactly what it gets and
//! answers as scripted.
//!
//! A request is recorded once all of it has come, before it is answered. Each connection has a
//! thread; they end when the peer hangs up or the test process ends.

mod script;

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

pub use script::Reply;
use script::{Kind, Script};

use crate::client::{Client, Request};
use crate::clock::{self, DEADLINE};
use crate::wire::{self, Headers, Message};

/// Where [`Receiver::drain`] knocks; such requests are not recorded.
const DRAIN_TARGET: &str = "/-/drain";

/// A running receiver. Stops answering when dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request that a receiver got.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// When all of it had come.
    pub at: Instant,
    /// Which life of the server sent it, as [`Receiver::begin_life`] counts.
    pub life: u32,
    /// The method.
    pub method: String,
    /// The path and query.
    pub target: String,
    /// The headers, in the order they came.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    script: Script,
    receipts: Vec<Receipt>,
    open_connections: usize,
    life: u32,
    stopped: bool,
}

impl Receiver {
    /// Starts one that always gives the same reply.
    pub fn always(reply: Reply) -> Self {
        Self::scripted([], reply)
    }

    /// Starts one that accepts everything.
    pub fn accepting() -> Self {
        Self::always(Reply::status(200))
    }

    /// Starts one that gives these replies in turn, and then one for ever.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn scripted(next: impl IntoIterator<Item = Reply>, then: Reply) -> Self {
        Self::start(Script::new(next, [then]))
    }

    /// Starts one that gives these replies in turn, over and over.
    ///
    /// # Panics
    /// When there is none, or no free port.
    pub fn in_turn(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start(Script::new([], replies))
    }

    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let state =
            State { script, receipts: Vec::new(), open_connections: 0, life: 1, stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// A URL of this receiver; everything below it is answered.
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Replaces what is left of the script.
    pub fn reply_from_now_on(&self, reply: Reply) {
        self.shared.lock().script = Script::new([], [reply]);
    }

    /// Everything received so far, in order.
    pub fn receipts(&self) -> Vec<Receipt> {
        self.shared.lock().receipts.clone()
    }

    /// How much was received so far.
    pub fn count(&self) -> usize {
        self.shared.lock().receipts.len()
    }

    /// Waits until there are at least this many receipts.
    ///
    /// # Panics
    /// When they do not come before the deadline.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Receipt> {
        self.wait_for_count(count);
        self.receipts()
    }

    /// Waits until there are at least this many receipts, without a look at them.
    ///
    /// # Panics
    /// When they do not come before the deadline.
    #[track_caller]
    pub fn wait_for_count(&self, count: usize) {
        let got = self.shared.wait_until(|state| state.receipts.len() >= count).receipts.len();
        assert!(got >= count, "{got} of {count} requests came to {}", self.address);
    }

    /// Waits until everything that a dead server had sent is recorded and its connections are
    /// closed. Call it after the server has ended, and before another one starts.
    ///
    /// # Panics
    /// When a connection stays open, because its peer still lives.
    pub fn drain(&self) {
        // Connections are accepted in the order they were made. Once this one is answered, every
        // earlier one is counted.
        let client = Client::new(&format!("http://{}", self.address), None).expect("an origin");
        client.send(&Request::new("GET", DRAIN_TARGET)).expect(204);
        let state = self.shared.wait_until(|state| state.open_connections == 0);
        assert_eq!(state.open_connections, 0, "connections of the dead server stay open");
    }

    /// Counts receipts from now on to the next life of the server.
    pub fn begin_life(&self) -> u32 {
        let mut state = self.shared.lock();
        state.life += 1;
        state.life
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        // Wakes the listener, so that it sees that it should stop.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the lock")
    }

    fn wait_until(&self, reached: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), DEADLINE, |state| !reached(state))
            .expect("no thread panics while it holds the lock");
        state
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        {
            let mut state = shared.lock();
            if state.stopped {
                return;
            }
            state.open_connections += 1;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A peer that breaks the connection off is an ordinary end.
            let _ended = serve(stream, &shared);
            shared.lock().open_connections -= 1;
            shared.changed.notify_all();
        });
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = wire::read_request(&mut stream)? {
        let closes = request.headers.says_close();
        let is_drain = request.start_line.split(' ').nth(1) == Some(DRAIN_TARGET);
        let reply = if is_drain { Reply::status(204) } else { shared.record(request) };
        thread::sleep(reply.after);
        match reply.kind {
            Kind::Status { status, headers, body } => {
                stream.get_mut().write_all(&answer_bytes(status, &headers, &body))?;
            }
            Kind::Raw(bytes) => return stream.get_mut().write_all(&bytes),
            Kind::HangUp => return Ok(()),
            Kind::Never => {
                drop(shared.wait_until(|state| state.stopped));
                return Ok(());
            }
        }
        if closes {
            return Ok(());
        }
    }
    Ok(())
}

impl Shared {
    fn record(&self, request: Message) -> Reply {
        let mut words = request.start_line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut state = self.lock();
        let receipt = Receipt {
            at: clock::now(),
            life: state.life,
            method,
            target,
            headers: request.headers,
            body: request.body,
        };
        state.receipts.push(receipt);
        let reply = state.script.take();
        drop(state);
        self.changed.notify_all();
        reply
    }
}

fn answer_bytes(status: u16, headers: &[(String, String)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if status == 204 {
        return (text + "\r\n").into_bytes();
    }
    text += &format!("content-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn post(body: &str) -> Request {
        Request::new("POST", "/hooks?a=1").header("X-A", "1").header("X-A", "2").body(body)
    }

    fn client_of(receiver: &Receiver) -> Client {
        Client::new(&format!("http://{}", receiver.address), None).unwrap()
    }

    #[test]
    fn records_exact_requests_and_answers_by_the_script() {
        let busy = Reply::status(503).header("retry-after", "7").after(Duration::from_millis(5));
        let receiver = Receiver::scripted([busy, Reply::hang_up()], Reply::status(200));
        let client = client_of(&receiver);

        let answer = client.send(&post("a\0b")).expect(503);
        assert_eq!(answer.headers.the("retry-after"), "7");
        assert!(client.try_send(&post("second")).is_err());
        let mut connection = client.connect().unwrap();
        assert_eq!(connection.send(&post("third").chunked()).unwrap().status, 200);
        assert_eq!(connection.send(&post("fourth")).unwrap().status, 200);

        let receipts = receiver.wait_for(4);
        let bodies: Vec<&[u8]> = receipts.iter().map(|receipt| receipt.body.as_slice()).collect();
        assert_eq!(bodies, [b"a\0b".as_slice(), b"second", b"third", b"fourth"]);
        assert_eq!((&*receipts[0].method, &*receipts[0].target), ("POST", "/hooks?a=1"));
        assert_eq!(receipts[2].headers.all("x-a"), ["1", "2"]);
        assert!(receipts.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }

    #[test]
    fn replies_in_turn_begin_anew() {
        let receiver = Receiver::in_turn([200, 500, 404].map(Reply::status));
        let client = client_of(&receiver);
        let statuses: Vec<u16> = (0..5).map(|_| client.send(&post("")).status).collect();
        assert_eq!(statuses, [200, 500, 404, 200, 500]);
    }

    #[test]
    fn draining_waits_for_open_connections_and_lives_are_counted() {
        let receiver = Receiver::accepting();
        let client = client_of(&receiver);
        let mut connection = client.connect().unwrap();
        connection.send(&post("first life")).unwrap();
        drop(connection);
        receiver.drain();
        receiver.begin_life();
        client.send(&post("second life"));
        let lives: Vec<u32> = receiver.receipts().iter().map(|receipt| receipt.life).collect();
        assert_eq!(lives, [1, 2]);
    }

    #[test]
    fn a_silent_receiver_lets_go_when_dropped() {
        let receiver = Receiver::always(Reply::never());
        let client = client_of(&receiver);
        let asking = thread::spawn(move || client.try_send(&post("hello?")).is_err());
        receiver.wait_for(1);
        drop(receiver);
        assert!(asking.join().unwrap());
    }
}
