//! A log with transactions, a consumer group and a clock, in memory and driven by a seed. The real member loop runs in
//! it unchanged, under every kind of fault: crashes, stalls, rebalances, fencing, time-outs, lost answers, stale
//! metadata, retention, expired offsets.
//!
//! A [`Schedule`](schedule::Schedule) is a list of actions generated from a seed. [`run`](run::run) plays it, lets the
//! group read to the end, and compares the result with one uninterrupted fold over the same records: every answer once
//! and in order, and the same bytes of state. A failing schedule is shortened for as long as it still fails.

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
