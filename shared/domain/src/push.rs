//! What a merchant gets besides the exact body: the headers of one request, by push or by pull.

use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::ids::DeliveryId;
use crate::signing;
use crate::time::Timestamp;

/// The `content-type` of an event whose provider did not say.
const CONTENT_TYPE_UNSAID: &str = "application/octet-stream";

/// The headers of the `number`th try of a delivery, made at `at`, in lower case. The endpoint's
/// own extra headers come last; they cannot be among these, because those names are reserved.
pub fn headers<'a>(
    event: &'a Event,
    endpoint: &'a Endpoint,
    delivery: DeliveryId,
    number: u8,
    at: Timestamp,
) -> Vec<(&'a str, String)> {
    let mut headers = own_headers(event, Some(endpoint), delivery, number, at);
    let extra = endpoint.headers.iter();
    headers.extend(extra.map(|header| (header.name(), header.value().expose().to_owned())));
    headers
}

/// Those of them that say what is sent and prove it. The extra headers open a receiver's door; who
/// fetches an event needs none of them. Without an endpoint there is no secret and so no
/// `webhook-signature`.
///
/// `webhook-id` is the event's id and the same on every try, so that a receiver may use it to
/// recognise a repeat.
pub fn own_headers<'a>(
    event: &Event,
    endpoint: Option<&Endpoint>,
    delivery: DeliveryId,
    number: u8,
    at: Timestamp,
) -> Vec<(&'a str, String)> {
    let webhook_id = event.id.to_string();
    let signature = endpoint.map(|endpoint| {
        signing::signature_header(endpoint.live_secrets(at), &webhook_id, at, &event.body)
    });
    let content_type = event.content_type.as_deref().unwrap_or(CONTENT_TYPE_UNSAID);
    let extra = endpoint.map_or(0, |endpoint| endpoint.headers.len());
    let mut headers = Vec::with_capacity(9 + extra);
    headers.extend([
        ("content-type", content_type.to_owned()),
        ("webhook-id", webhook_id),
        ("webhook-timestamp", at.as_secs().to_string()),
    ]);
    headers.extend(signature.map(|signature| ("webhook-signature", signature)));
    headers.extend([
        ("postback-event-type", event.event_type.as_str().to_owned()),
        ("postback-delivery-id", delivery.to_string()),
        ("postback-attempt", number.to_string()),
        ("postback-provider-event-id", event.provider_event_id.as_str().to_owned()),
        ("postback-received-at", event.received_at.to_string()),
    ]);
    headers
}
