//! Runs pipelines: the member loop, and the commands over what it keeps.
//!
//! Data flows one way: a source gives records byte for byte, a decoder makes typed rows of them, a shard (of `gristmill`)
//! answers and learns, a committer writes the answers together with the positions. A [`member`] is that loop in one thread;
//! [`run`] starts members and adds up what they report. Which systems the records come from and go to is known to
//! `gristmill_connect` alone.

pub mod clock;
pub mod control;
pub mod dead_letters;
pub mod export;
pub mod feature_export;
pub mod lookup;
pub mod member;
pub mod models;
pub mod python;
pub mod rehearse;
pub mod resources;
pub mod run;
pub mod state;
pub mod usage;
mod work;
