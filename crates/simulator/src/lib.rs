//! A log with transactions, a consumer group and a clock, all in memory and driven by a seed. The real member loop
//! runs in it unchanged, and everything happens to it: crashes, stalls, rebalances, fencing, time-outs, lost answers,
//! stale metadata, retention, expired offsets.
//!
//! A [`Schedule`](schedule::Schedule) is a list of actions made from a seed. [`run`](run::run) plays it, then lets the
//! group read to the end, and compares what is there with one uninterrupted fold over the same records: every answer
//! once and in order, the same bytes of state. A schedule that fails is shortened as far as it goes on failing.

pub mod cluster;
pub mod commit;
pub mod committer;
pub mod group;
pub mod load;
pub mod log;
pub mod random;
pub mod run;
pub mod schedule;
pub mod source;
pub mod system;
pub mod world;
