//! TLS is checked like a browser would: chain, name, dates, version.

use std::sync::Arc;

use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::Destinations;
use postback_engine::ports::sender::Answer;
use postback_sender::{HttpSender, Settings};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::attempt::{Always, attempt};
use crate::receiver::Receiver;

const HOST: &str = "shop.example";

/// A certificate authority of our own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A server that shows a certificate for `host`, shaped by `shape`.
    fn acceptor(&self, host: &str, shape: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let (certificate, key) = self.certify(host, shape);
        acceptor(server().with_no_client_auth(), certificate, key)
    }

    fn certify(
        &self,
        host: &str,
        shape: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        shape(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), key)
    }
}

type Wanting<State> = rustls::ConfigBuilder<ServerConfig, State>;

fn server() -> Wanting<rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn acceptor(
    server: Wanting<rustls::server::WantsServerCert>,
    certificate: CertificateDer<'static>,
    key: KeyPair,
) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = server.with_single_cert(vec![certificate], key).unwrap();
    // What a receiver that prefers HTTP/2 offers.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn call(receiver: &Receiver, trusted: &Authority) -> Answer {
    let settings = Settings::new(Destinations::AlsoPrivate).resolver(Always(&["127.0.0.1"]));
    let sender = HttpSender::new(settings.trust(&trusted.root).unwrap());
    attempt(&sender, &format!("https://{HOST}:{}/hooks", receiver.address.port())).await
}

async fn check(receiver: Receiver, trusted: &Authority, words: &str) {
    let answer = call(&receiver, trusted).await;
    let detail = answer.detail.as_deref().unwrap();
    assert_eq!((answer.outcome, answer.status), (Outcome::TlsFailed, None), "{detail}");
    assert!(detail.starts_with(words), "`{detail}` should start with `{words}`");
    assert!(receiver.requests().is_empty(), "{detail}: nothing may be said before trust");
}

#[tokio::test]
async fn the_name_of_the_url_is_what_the_receiver_is_asked_for() {
    let authority = Authority::new("ours");
    let receiver = Receiver::start_tls(authority.acceptor(HOST, |_| ())).await;
    assert_eq!(call(&receiver, &authority).await.outcome, Outcome::Accepted);
    assert_eq!(receiver.sni(), [HOST]);
    let [arrived] = &receiver.requests()[..] else { panic!("one request") };
    let host = format!("{HOST}:{}", receiver.address.port());
    assert!(arrived.headers().contains(&("host", &host)));
}

#[tokio::test]
async fn a_literal_address_can_be_certified_too() {
    let authority = Authority::new("ours");
    let receiver = Receiver::start_tls(authority.acceptor("127.0.0.1", |_| ())).await;
    let settings = Settings::new(Destinations::AlsoPrivate).trust(&authority.root).unwrap();
    let url = format!("https://{}/", receiver.address);
    assert_eq!(attempt(&HttpSender::new(settings), &url).await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn certificates_that_prove_nothing_are_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let stranger = Receiver::start_tls(theirs.acceptor(HOST, |_| ())).await;
    check(stranger, &ours, "certificate is not signed by a known authority").await;

    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new([HOST.to_owned()]).unwrap().self_signed(&own_key).unwrap();
    let own = acceptor(server().with_no_client_auth(), own.der().clone(), own_key);
    check(Receiver::start_tls(own).await, &ours, "certificate is not").await;

    let other = Receiver::start_tls(ours.acceptor("other.example", |_| ())).await;
    check(other, &ours, "certificate is for another host name").await;

    let expired = ours.acceptor(HOST, |params| params.not_after = date_time_ymd(2020, 1, 1));
    check(Receiver::start_tls(expired).await, &ours, "certificate has expired").await;

    let early = ours.acceptor(HOST, |params| params.not_before = date_time_ymd(3000, 1, 1));
    check(Receiver::start_tls(early).await, &ours, "certificate is not valid yet").await;
}

#[tokio::test]
async fn a_receiver_that_wants_a_client_certificate_is_told_apart() {
    let ours = Authority::new("ours");
    let mut roots = RootCertStore::empty();
    roots.add(ours.root.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let server = server().with_client_cert_verifier(verifier.build().unwrap());
    let (certificate, key) = ours.certify(HOST, |_| ());
    let receiver = Receiver::start_tls(acceptor(server, certificate, key)).await;
    check(receiver, &ours, "receiver refused the TLS connection").await;
}

#[tokio::test]
async fn what_is_not_tls_fails_as_tls() {
    let ours = Authority::new("ours");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = || Settings::new(Destinations::AlsoPrivate).resolver(Always(&["127.0.0.1"]));
    let plain = tokio::spawn(async move {
        for said in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 5];
            tcp.read_exact(&mut greeting).await.unwrap();
            tcp.write_all(said).await.unwrap();
        }
    });
    let sender = HttpSender::new(settings().trust(&ours.root).unwrap());
    for words in ["receiver does not speak TLS on this port", "connection closed during the TLS"] {
        let answer = attempt(&sender, &format!("https://{HOST}:{port}/")).await;
        let detail = answer.detail.unwrap();
        assert_eq!(answer.outcome, Outcome::TlsFailed, "{detail}");
        assert!(detail.starts_with(words), "`{detail}` should start with `{words}`");
    }
    plain.await.unwrap();
}

#[test]
fn nothing_is_trusted_that_is_not_a_certificate() {
    assert!(Settings::new(Destinations::AlsoPrivate).trust(b"not DER").is_err());
}
