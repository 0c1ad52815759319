//! URLs that lead inward, as if they had been saved all the same: none is dialled.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::{Destinations, EndpointUrl};
use postback_sender::{HttpSender, Resolution, Resolver, Settings};
use serde_json::Value;

use crate::attempt::attempt;

const CORPUS: &str = include_str!("../../../domain/tests/data/inward_urls.json");

/// Says of every name that it is this machine, and remembers who was asked for.
#[derive(Clone, Default)]
struct Inward(Arc<Mutex<Vec<String>>>);

impl Resolver for Inward {
    fn resolve(&self, host: &str) -> Resolution {
        self.0.lock().unwrap().push(host.to_owned());
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

/// An attempt that gets as far as a connection ends as something else: refused, lost, or out of
/// time. Returns which names were looked up on the way.
async fn refused(url: &str) -> Vec<String> {
    let inward = Inward::default();
    let settings = Settings::new(Destinations::PublicHttps).resolver(inward.clone());
    let answer = attempt(&HttpSender::new(settings), url).await;
    assert_eq!(answer.outcome, Outcome::AddressRefused, "{url:?}: {:?}", answer.detail);
    let asked = inward.0.lock().unwrap();
    asked.clone()
}

#[tokio::test]
async fn no_url_of_the_corpus_is_dialled() {
    let corpus: Value = serde_json::from_str(CORPUS).unwrap();
    let urls = |reason: &str| corpus[reason].as_array().unwrap().clone();
    for row in urls("resolver") {
        let (url, host) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        assert_eq!(refused(url).await, [host], "{url:?}");
    }
    for row in urls("local_name") {
        assert_eq!(refused(row.as_str().unwrap()).await.len(), 1, "{row}");
    }
    for row in urls("port") {
        assert!(refused(row.as_str().unwrap()).await.is_empty(), "{row}");
    }
    // Numbers are not names, and plain http is refused before either is looked at. Where a URL can
    // be saved for an inner network, it may have been before the installation was made public.
    let mut dialled_at_all = 0;
    for row in urls("address").iter().chain(&urls("not_https")) {
        let url = row.as_str().unwrap();
        if EndpointUrl::parse(url, Destinations::AlsoPrivate).is_ok() {
            assert!(refused(url).await.is_empty(), "{url:?}");
            dialled_at_all += 1;
        }
    }
    assert!(dialled_at_all > 80, "only {dialled_at_all} of the corpus can be saved");
}
