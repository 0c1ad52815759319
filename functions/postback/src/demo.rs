//! placeholder
use std::{error::Error, process::ExitCode};
pub(crate) fn run(_: &crate::cli::DemoArguments) -> Result<ExitCode, Box<dyn Error>> {
    Ok(ExitCode::SUCCESS)
}
