//! No inner address is called: not by name, not by number, not hidden among public ones.

use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::Destinations;
use postback_sender::{HttpSender, Settings};

use crate::attempt::{Always, attempt};
use crate::receiver::{Receiver, ok};

const INNER: &str = "host resolves to a non-public address";
const LITERAL: &str = "url must have a host name, not an address";
const PLAIN: &str = "url must use https";

/// `{port}` in the URL stands for the port of a receiver on this machine.
async fn check(url: &str, addresses: &'static [&'static str], detail: &str) {
    let receiver = Receiver::start([ok()]).await;
    let settings = Settings::new(Destinations::PublicHttps).resolver(Always(addresses));
    let url = url.replace("{port}", &receiver.address.port().to_string());
    let answer = attempt(&HttpSender::new(settings), &url).await;
    let (outcome, words) = (answer.outcome, answer.detail.unwrap());
    assert_eq!((outcome, words.as_str()), (Outcome::AddressRefused, detail), "{url} {addresses:?}");
    // Asked after the attempt has ended: a connection would have been taken before the refusal.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert_eq!(receiver.connections(), 0, "{url} {addresses:?}");
}

#[tokio::test]
async fn names_that_resolve_inward_are_not_called() {
    for addresses in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["2606:4700::1111", "8.8.8.8", "::1"],
        &["::ffff:127.0.0.1"],
        &["0.0.0.0"],
        &["::"],
        &["64:ff9b::7f00:1"],
    ] {
        check("https://shop.example:{port}/", addresses, INNER).await;
    }
}

/// Such URLs are refused when they are saved; here they stand for a row from before, or a change
/// of the installation's settings.
#[tokio::test]
async fn urls_that_should_never_have_been_saved_are_not_called() {
    for url in [
        "https://127.0.0.1:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f.1:{port}/",
        "https://[::1]:{port}/",
        "https://[::ffff:7f00:1]:{port}/",
        "https://0:{port}/",
    ] {
        check(url, &["8.8.8.8"], LITERAL).await;
    }
    check("http://shop.example:{port}/", &["8.8.8.8"], PLAIN).await;
    check("http://127.0.0.1:{port}/", &[], PLAIN).await;
}
