//! Converts Kafka's offsets to positions, and back.

use gristmill::rows::Position;
use rdkafka::Offset;

/// The position of an offset; symbolic offsets have none.
pub(crate) fn position_of(offset: i64) -> Position {
    Position::number(offset.try_into().unwrap_or(0))
}

/// The offset of a position.
pub(crate) fn offset_of(position: Position) -> Offset {
    Offset::Offset(position.as_number().and_then(|number| number.try_into().ok()).unwrap_or(i64::MAX))
}
