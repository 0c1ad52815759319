//! What `infra/template.yaml` grants and wires is what the code uses, and the times it sets are
//! those that `postback-domain` reckons with.
//!
//! The template is read as CloudFormation reads it, the code as text: a call of the SDK and the name
//! of a variable look alike wherever they stand, and no AWS crate has to be built to find them.

mod calls;
mod functions;
mod permissions;
mod source;
mod stores;
mod template;
mod times;
mod variables;
