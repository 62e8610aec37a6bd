//! The messages as JSON.

use serde::{Deserialize, Serialize};

/// Longest JSON text of either.
pub(crate) const LONGEST: usize = 192;

/// What the board tells.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Report {
    /// Counts the reports since start-up, so that the server sees a gap.
    pub(crate) sequence: u32,
    pub(crate) uptime_ms: u64,
    pub(crate) temperature_millidegrees: i32,
    /// How often a connection was opened since start-up.
    pub(crate) connections: u32,
}

/// What the server wants.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Command {
    /// Switches the light.
    #[serde(default)]
    pub light: Option<bool>,
    /// The time from one report to the next, in milliseconds.
    #[serde(default)]
    pub period_ms: Option<u32>,
}

impl Report {
    /// The JSON text, written into `text`.
    pub(crate) fn write<'t>(&self, text: &'t mut [u8; LONGEST]) -> &'t str {
        // All numbers at their longest take fewer octets than LONGEST.
        let length = serde_json_core::to_slice(self, text).unwrap_or(0);
        text.get(..length)
            .and_then(|json| str::from_utf8(json).ok())
            .unwrap_or_default()
    }
}

impl Command {
    /// `None` if the text is no command.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json_core::from_str(text)
            .ok()
            .map(|(command, _)| command)
    }
}
