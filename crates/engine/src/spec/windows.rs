//! How much windows may hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Size;

/// How much memory windows may take, and what happens when they would take more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Windows {
    /// How much memory the windows of a partition may take, about, and as much again the rows that wait (`grace`).
    /// Default `1 GB`.
    pub max_memory: Size,
    /// What happens when they would take more. Default `forget`.
    pub on_limit: OnLimit,
}

impl Default for Windows {
    fn default() -> Self {
        Self { max_memory: Size(1 << 30), on_limit: OnLimit::default() }
    }
}

/// What happens when windows, or rows that wait, would take more memory than they may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// The keys that have been silent for longest are forgotten, and counted in the report: their windows begin anew. Of
    /// the rows that wait the earliest are taken before their time.
    #[default]
    Forget,
    /// The run stops with an error.
    Stop,
}
