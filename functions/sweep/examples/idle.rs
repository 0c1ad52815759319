//! A function that does nothing, to compare the others' starts with: `infra/measure --idle`.

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::de::IgnoredAny;

fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let nothing =
            service_fn(|_: LambdaEvent<IgnoredAny>| async { Ok::<_, lambda_runtime::Error>(()) });
        Runtime::new(nothing).run().await
    })
}
