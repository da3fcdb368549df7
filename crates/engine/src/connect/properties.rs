//! Sections of a document that are passed on to the client of a system.

/// Their keys: the names in them have dots.
pub(crate) const PROPERTIES: [&str; 1] = [super::KAFKA];
