//! `/openapi.json` and `/docs`

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::world::World;

/// Of the bundle in the package, as `shared/http/assets/fetch` tells.
const RENDERER_SHA256: &str = "6bb3f4f29b0d740f1fc0970cd4245e01d2c1346df5a26ecd20a2f7a5dda5f837";

#[tokio::test]
async fn the_document_is_the_committed_one() {
    let world = World::new();
    let answer = world.anonymous().get("/openapi.json").await;
    assert_eq!(answer.ok(200)["openapi"], "3.1.0");
    assert_eq!(answer.text, include_str!("../../openapi.json"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

/// The page names nothing of another origin, and the policy would let nothing in.
#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let world = World::new();
    let page = world.anonymous().get("/docs").await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(!page.text.contains("//"), "{}", page.text);
    for loaded in ["spec-url=\"openapi.json\"", "src=\"docs/renderer.js\""] {
        assert!(page.text.contains(loaded), "{loaded}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; connect-src 'self';"));
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
}

#[tokio::test]
async fn the_script_is_the_packages_own() {
    let world = World::new();
    let script = world.anonymous().get("/docs/renderer.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("content-encoding"), "gzip");
    // A zip file of a function has room for so much.
    assert!(script.bytes.len() < 300_000, "{} bytes", script.bytes.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(&script.bytes[..]).read_to_end(&mut unpacked).unwrap();
    let hash = Sha256::digest(&unpacked)
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert_eq!(hash, RENDERER_SHA256, "after a new version, see shared/http/assets/fetch");
}

/// No key is needed, and none is looked at.
#[tokio::test]
async fn who_asks_does_not_matter() {
    let world = World::new();
    for path in ["/openapi.json", "/docs", "/docs/renderer.js"] {
        assert_eq!(world.with_key("wrong").get(path).await.status, 200, "{path}");
        let posted: Value =
            world.admin().post(path, json!({})).await.refused(405, "method_not_allowed");
        assert_eq!(posted["status"], 405);
    }
}
