//! The bytes of a record.

use super::super::record::{INACTIVE, Record, RecordedTrial, Teacher};
use crate::problem::{Activation, FunctionFamily, ParameterKind, active};

/// In place of a parent's index, where there is no condition.
const ALWAYS: u8 = 255;

/// A record as a payload.
pub(super) fn encode(record: &Record) -> Vec<u8> {
    let mut bytes = vec![record.family as u8, record.kinds.len() as u8];
    for kind in &record.kinds {
        let (tag, number) = match *kind {
            ParameterKind::Continuous => (0, 0),
            ParameterKind::Levels(levels) => (1, levels),
            ParameterKind::Categorical(choices) => (2, choices),
            ParameterKind::LogLevels(levels) => (3, levels),
        };
        bytes.push(tag);
        bytes.extend(number.to_le_bytes());
    }
    for activation in &record.activations {
        match activation {
            None => bytes.push(ALWAYS),
            Some(Activation { parent, values }) => {
                bytes.push(*parent as u8);
                bytes.extend(values.to_le_bytes());
            }
        }
    }
    bytes.extend((record.trials.len() as u16).to_le_bytes());
    let numbers = |values: &[f32], bytes: &mut Vec<u8>| {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    numbers(&record.optimum, &mut bytes);
    numbers(&[record.optimum_loss], &mut bytes);
    for trial in &record.trials {
        bytes.push(trial.teacher as u8);
        bytes.push(u8::from(trial.failed));
        numbers(&trial.coordinates, &mut bytes);
        numbers(&[trial.loss], &mut bytes);
    }
    bytes
}

/// Reads a payload; `None` unless every field is in range and every byte is used.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut payload = Payload(bytes);
    let family = *FunctionFamily::ALL.get(usize::from(payload.byte()?))?;
    let dimensions = usize::from(payload.byte()?);
    let kinds: Vec<ParameterKind> =
        (0..dimensions).map(|_| payload.kind()).collect::<Option<_>>()?;
    let mut activations = Vec::with_capacity(dimensions);
    for index in 0..dimensions {
        activations.push(payload.activation(&kinds[..index])?);
    }
    let trials = payload.short()?;
    let optimum = payload.coordinates(&kinds, &activations)?;
    let optimum_loss = payload.float()?;
    let trials = (0..trials).map(|_| payload.trial(&kinds, &activations)).collect::<Option<_>>()?;
    let record = Record { family, kinds, activations, trials, optimum, optimum_loss };
    (payload.0.is_empty() && dimensions > 0).then_some(record)
}

/// What is left of a payload. Each method takes a field off its front; `None` for a field that is
/// cut off or out of range.
struct Payload<'a>(&'a [u8]);

impl Payload<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn float(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes).filter(|value| value.is_finite())
    }

    fn kind(&mut self) -> Option<ParameterKind> {
        Some(match (self.byte()?, self.short()?) {
            (0, 0) => ParameterKind::Continuous,
            (1, count @ 2..) => ParameterKind::Levels(count),
            (2, count @ 1..=64) => ParameterKind::Categorical(count),
            (3, count @ 2..) => ParameterKind::LogLevels(count),
            _ => return None,
        })
    }

    /// The condition of the parameter that follows those of `earlier` kinds.
    fn activation(&mut self, earlier: &[ParameterKind]) -> Option<Option<Activation>> {
        let parent = match self.byte()? {
            ALWAYS => return Some(None),
            parent => usize::from(parent),
        };
        let values = u64::from_le_bytes(self.take()?);
        let count = earlier.get(parent).filter(|kind| kind.can_be_parent())?.count()?;
        let all = u64::MAX >> (64 - count);
        (values != 0 && values & !all == 0).then_some(Some(Activation { parent, values }))
    }

    /// A coordinate for each parameter: legal where it is active, [`INACTIVE`] elsewhere.
    fn coordinates(
        &mut self,
        kinds: &[ParameterKind],
        activations: &[Option<Activation>],
    ) -> Option<Vec<f32>> {
        let coordinates: Vec<f32> = kinds.iter().map(|_| self.float()).collect::<Option<_>>()?;
        let value =
            |index: usize| kinds[index].value_of_coordinate(f64::from(coordinates[index])).max(0.0);
        let active = active(activations, value);
        let legal =
            coordinates.iter().zip(kinds).zip(active).all(|((value, kind), active)| match kind {
                _ if !active => *value == INACTIVE,
                ParameterKind::Categorical(choices) => {
                    *value >= 0.0 && *value < f32::from(*choices) && value.fract() == 0.0
                }
                _ => (0.0..=1.0).contains(value),
            });
        legal.then_some(coordinates)
    }

    fn trial(
        &mut self,
        kinds: &[ParameterKind],
        activations: &[Option<Activation>],
    ) -> Option<RecordedTrial> {
        let teacher = *Teacher::ALL.get(usize::from(self.byte()?))?;
        let failed = match self.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let coordinates = self.coordinates(kinds, activations)?;
        Some(RecordedTrial { coordinates, loss: self.float()?, failed, teacher })
    }
}
