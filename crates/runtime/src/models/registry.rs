//! Reads and writes the models topic.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::pretrained::{Candidate, Pretrained, Version, Versions};
use gristmill::rows::Position;
use gristmill_connect::broker::{BrokerError, Kind};
use gristmill_connect::commit::PIECE;
use gristmill_connect::connector;
use gristmill_connect::log::{Follow, Log};

use super::change::{ModelVersion, Record, Stored, change_key, piece_key, record};

pub(super) struct ModelRegistry {
    plan: Arc<Plan>,
    log: Box<dyn Log>,
}

impl ModelRegistry {
    /// Opens the log of a plan whose model was trained elsewhere; nothing where there is none.
    pub(super) fn open(plan: &Arc<Plan>) -> Result<Option<Self>, BrokerError> {
        if plan.scoring.is_none() {
            return Ok(None);
        }
        let log = connector::input(plan)?.log(plan, plan.models_topic())?;
        Ok(log.map(|log| Self { plan: Arc::clone(plan), log }))
    }

    /// Begins to follow the log.
    pub(super) fn follow(&self) -> Result<Box<dyn Follow>, BrokerError> {
        self.log.follow()
    }

    /// All changes in order. Of two with one number the first counts.
    pub(super) fn changes(&self) -> Result<Vec<ModelVersion>, BrokerError> {
        let mut changes: Vec<ModelVersion> = Vec::new();
        self.log.read(&mut |one| {
            if record(one.key.unwrap_or_default()) == Some(Record::Version) {
                take(self.log.name(), one.position, one.value.unwrap_or_default(), &mut changes);
            }
            Ok(())
        })?;
        Ok(changes)
    }

    /// The bytes of a model.
    fn bytes(&self, stored: &Stored) -> Result<Vec<u8>, String> {
        let mut pieces: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        let read = self.log.read(&mut |one| {
            if let Some(Record::Piece(digest, piece)) = record(one.key.unwrap_or_default())
                && digest == stored.digest
                && piece < stored.pieces
            {
                pieces.insert(piece, one.value.unwrap_or_default().to_vec());
            }
            Ok(())
        });
        read.map_err(|failure| failure.to_string())?;
        let bytes = pieces.into_values().collect::<Vec<_>>().concat();
        let found = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
        if found == stored.digest {
            return Ok(bytes);
        }
        Err(format!(
            "{} is damaged in topic {}: its digest is {found}, not {}",
            stored.name,
            self.log.name(),
            stored.digest
        ))
    }

    fn model(&self, stored: &Stored) -> Result<Arc<Pretrained>, String> {
        let Some(scoring) = &self.plan.scoring else { return Err("this pipeline has no model from outside".into()) };
        let model = Pretrained::from_bytes(&stored.name, &self.bytes(stored)?, scoring.reading)?;
        match model.unlike(&scoring.model) {
            None => Ok(Arc::new(model)),
            Some(why) => Err(format!("{} cannot stand in the place of the document's model: {why}", stored.name)),
        }
    }

    /// A version by its number, ready to score; none if it does not exist.
    pub(super) fn version(&self, number: u64) -> Result<Option<Version>, String> {
        let changes = self.changes().map_err(|failure| failure.to_string())?;
        let Some(change) = changes.iter().find(|change| change.number == number) else { return Ok(None) };
        let Some(scoring) = &self.plan.scoring else { return Ok(None) };
        let model = match &change.model {
            Some(stored) => self.model(stored)?,
            None => Arc::clone(&scoring.model),
        };
        let shadow = change.shadow.as_ref().map(|stored| self.model(stored)).transpose()?;
        Ok(Some(Version { number, model, shadow: shadow.map(|model| Candidate { number, model }) }))
    }

    /// Puts the newest of these changes in force. If it cannot be loaded, the previous one stays in force, and a
    /// warning is logged.
    pub(super) fn activate(&self, changes: &[ModelVersion], versions: &Versions) {
        for change in changes.iter().rev() {
            match self.version(change.number) {
                Ok(Some(version)) => return versions.add(version),
                Ok(None) => {}
                Err(why) => {
                    tracing::error!(name: "model_version_refused", version = change.number, "version {} of the model is left out: {why}", change.number)
                }
            }
        }
    }

    /// Writes a model's bytes, unless they are already there.
    pub(super) fn store(&self, name: &str, bytes: &[u8]) -> Result<Stored, BrokerError> {
        let digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes));
        let pieces: Vec<&[u8]> = bytes.chunks(PIECE).collect();
        let records = pieces.iter().enumerate().map(|(number, piece)| (piece_key(&digest, number), piece.to_vec()));
        self.log.append(&records.collect::<Vec<_>>())?;
        Ok(Stored { name: name.to_string(), digest, size: bytes.len(), pieces: pieces.len() })
    }

    /// Adds a change, derived from the previous one; the result.
    pub(super) fn add(
        &self,
        make: &dyn Fn(&[ModelVersion]) -> Result<ModelVersion, String>,
    ) -> Result<ModelVersion, BrokerError> {
        loop {
            let made = make(&self.changes()?).map_err(|why| BrokerError::new(Kind::Other, why))?;
            let value = serde_json::to_vec(&made).unwrap_or_default();
            let mark = RandomState::new().hash_one(made.number);
            self.log.append(&[(change_key(made.number, mark), value)])?;
            // Another process may have been faster with the same number: the first one counts.
            if self.changes()?.contains(&made) {
                return Ok(made);
            }
        }
    }
}

/// Adds a change that was read, if it is one and its number is new.
pub(super) fn take(topic: &str, position: Position, value: &[u8], changes: &mut Vec<ModelVersion>) {
    match serde_json::from_slice::<ModelVersion>(value) {
        Ok(change) if changes.iter().all(|known| known.number != change.number) => changes.push(change),
        Ok(_) => {}
        Err(error) => {
            tracing::error!(name: "model_version_unreadable", "topic {topic}, offset {position}: this is no change of a model: {error}")
        }
    }
}
