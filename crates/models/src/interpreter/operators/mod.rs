//! The operators, by family. A new one costs its function and its line in the family's table.

mod arithmetic;
mod classes;
mod encode;
mod layout;
mod linear;
mod network;
mod prepare;
mod recurrent;
mod reduce;
mod repeat;
mod svm;
mod trees;
mod windows;

use std::collections::BTreeMap;

use super::Make;
use crate::graph::ML;

/// A family's operators of one set.
type Room = &'static [(&'static str, Make)];

const ROOMS: [(&str, Room); 13] = [
    ("", arithmetic::OPERATORS),
    ("", layout::OPERATORS),
    ("", linear::PLAIN),
    ("", network::OPERATORS),
    ("", recurrent::OPERATORS),
    ("", reduce::OPERATORS),
    ("", repeat::OPERATORS),
    ("", windows::OPERATORS),
    (ML, encode::OPERATORS),
    (ML, linear::OPERATORS),
    (ML, prepare::OPERATORS),
    (ML, svm::OPERATORS),
    (ML, trees::OPERATORS),
];

/// Every operator, by its set and name.
pub(crate) fn every() -> BTreeMap<(&'static str, &'static str), Make> {
    ROOMS.iter().flat_map(|(set, room)| room.iter().map(move |(name, make)| ((*set, *name), *make))).collect()
}
