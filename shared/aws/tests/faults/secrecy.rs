//! What AWS says about a refused signature quotes our headers.

use postback_aws::clients::{CallFailed, Patience};

use crate::clients;
use crate::connector::{Reply, Script};

#[tokio::test(start_paused = true)]
async fn a_refused_signature_quotes_no_token() {
    let text = "The Canonical String should have been 'POST / x-amz-security-token:hidden-token'";
    for code in ["SignatureDoesNotMatch", "InvalidSignatureException"] {
        let script = Script::new([Reply::refused(403, code, text)]);
        let client = clients(&script, Patience::BEHIND).dynamodb();
        let error = client.get_item().table_name("t").send().await.unwrap_err();
        assert!(format!("{error:?}").contains("hidden"), "the SDK's own error: {error:?}");
        let failed = CallFailed::of(&error);
        let told = format!("{failed} {failed:?}");
        assert!(told.contains(code) && !told.contains("hidden"), "{told}");
    }
}
