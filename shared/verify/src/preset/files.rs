//! The embedded data files. A test compares both lists with the folders.

pub(super) const PRESETS: &[&str] = &[
    include_str!("../../presets/adyen-platform.json"),
    include_str!("../../presets/braintree.json"),
    include_str!("../../presets/cashfree.json"),
    include_str!("../../presets/chargebee.json"),
    include_str!("../../presets/checkout.json"),
    include_str!("../../presets/coinbase-commerce.json"),
    include_str!("../../presets/github.json"),
    include_str!("../../presets/gocardless.json"),
    include_str!("../../presets/mercadopago.json"),
    include_str!("../../presets/midtrans.json"),
    include_str!("../../presets/mollie.json"),
    include_str!("../../presets/paddle.json"),
    include_str!("../../presets/pagbank.json"),
    include_str!("../../presets/paystack.json"),
    include_str!("../../presets/rapyd.json"),
    include_str!("../../presets/razorpay.json"),
    include_str!("../../presets/recurly.json"),
    include_str!("../../presets/revolut.json"),
    include_str!("../../presets/shopify.json"),
    include_str!("../../presets/square.json"),
    include_str!("../../presets/standard-webhooks.json"),
    include_str!("../../presets/stripe.json"),
    include_str!("../../presets/svix.json"),
    include_str!("../../presets/woovi-hmac.json"),
    include_str!("../../presets/worldpay-access.json"),
    include_str!("../../presets/xendit.json"),
];

/// Bodies too long to stand inside a preset file, by their path below `samples/`.
pub(super) const SAMPLE_BODIES: &[(&str, &str)] = &[
    (
        "stripe/charge.dispute.created.json",
        include_str!("../../samples/stripe/charge.dispute.created.json"),
    ),
    ("stripe/charge.refunded.json", include_str!("../../samples/stripe/charge.refunded.json")),
    (
        "stripe/payment_intent.succeeded.json",
        include_str!("../../samples/stripe/payment_intent.succeeded.json"),
    ),
];
