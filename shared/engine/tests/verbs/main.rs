//! The engine's verbs over the real embedded store, told as transcripts: a receiver's answers go
//! in, the clock is moved by hand, and states and logs come out as text.
//!
//! [`world`] is the stage that all of them share; every other module is one question. What is
//! promised under arbitrary interleavings and crashes is asked in [`storm`].

mod accept;
mod clock;
mod crashes;
mod endpoints;
mod exhausted;
mod policy;
mod recover;
mod redrive;
mod restore;
mod schedule;
mod storm;
mod sweep;
mod take_in;
mod tries;
mod world;
