//! Assigns records of a file to its shards, as producers assign them to partitions.

use gristmill::rows::{Cell, Partition, RawRows};
use gristmill_formats::Decoder;

/// Assigns records to shards by their key.
pub(super) struct KeyPartitioner {
    /// Decodes only the key.
    decoder: Decoder,
    shards: Vec<Partition>,
}

impl KeyPartitioner {
    /// Partitions into these shards by the one column that is decoded.
    pub(super) fn new(decoder: Decoder, shards: &[Partition]) -> Self {
        Self { decoder, shards: shards.to_vec() }
    }

    /// The records of each shard, in order. One without a key, or that cannot be read, goes to the first.
    pub(super) fn deal(&mut self, raw: &RawRows) -> Vec<RawRows> {
        let mut dealt: Vec<RawRows> = self.shards.iter().map(|shard| RawRows::new(shard.clone())).collect();
        let keys = self.decoder.decode(raw, &mut Vec::new());
        let mut shard_of = vec![0; raw.len()];
        for (row, record) in keys.records.iter().enumerate() {
            let key = keys.columns.first().map_or(Cell::Missing, |column| column.cell(row));
            if let (Some(shard), false) = (shard_of.get_mut(*record), key == Cell::Missing) {
                *shard = (murmur2(key.text().as_bytes()) & 0x7fff_ffff) as usize % self.shards.len();
            }
        }
        for (record, shard) in raw.iter().zip(shard_of) {
            if let Some(dealt) = dealt.get_mut(shard) {
                dealt.push(record);
            }
        }
        dealt
    }
}

/// MurmurHash2 of 32 bits with the seed of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let word = word.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (word ^ word >> 24).wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash = (hash ^ rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's own test, `UtilsTest.testMurmur2`.
    #[test]
    fn keys_go_where_producers_send_them() {
        let cases: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }
}
