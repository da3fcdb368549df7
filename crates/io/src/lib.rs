//! The world around a shard: files, Kafka, codecs, and the member loop.
//!
//! Data flows one way: a [`source`] gives records byte for byte, a [`codec`] makes typed rows of them, a shard
//! (of `gristmill`) answers and learns, a [`sink`] writes the answers, and then the source's positions are
//! committed. A [`member`] is that loop in one thread; [`run`] starts members and adds up what they report.

pub mod clock;
pub mod codec;
pub mod commit;
pub mod control;
pub mod dead_letters;
pub mod export;
pub mod feature_export;
pub mod kafka;
pub mod lookup;
pub mod member;
pub mod models;
pub mod python;
pub mod rehearse;
pub mod run;
pub mod sink;
pub mod source;
pub mod state;
pub mod usage;
mod work;
