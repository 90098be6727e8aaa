//! Records of trials as training sequences, augmented.
//!
//! One record makes many sequences. What may change without changing the problem is drawn each
//! time: the order of the parameters and of the trials, the direction of each axis, the numbering
//! of the choices, the parameters' slots, which trials are shown, a little noise on the losses, and
//! where the model looks (the whole space, or a box around the best trials as a late study sees
//! it).

use optiformer::{
    space::{Configuration, SearchBox, Space},
    tokenizer::{
        ScoreScale, Tokenizer, numerical,
        sequence::MOST_PARAMETERS,
        vocabulary::{BINS, Token},
    },
};
use rand::{RngExt, seq::SliceRandom};

use super::record::Record;
use crate::{
    problem::{Activation, ParameterKind, space},
    random::{SeededRng, normal},
    sequence::{BinGroup, Target, TargetKind, TrainingSequence},
};

/// How sequences are made from records.
#[derive(Clone, Debug)]
pub struct EncoderOptions {
    /// The most tokens that the history may take.
    pub context: usize,
    /// How many prefixes of each history are asked for the optimum.
    pub branches: usize,
    /// How often the sequence shows a box around the best trials, and not the whole space.
    pub zoom_probability: f64,
    /// Standard deviation of a score's soft target, in bins.
    pub score_deviation: f32,
    /// Standard deviation of a continuous value's soft target, in bins.
    pub value_deviation: f32,
    /// Weight of a value's target beside a score's 1.
    pub value_weight: f32,
    /// How often the sequence asks for the optimum (`TARGET_REGRET_0`), and not for a trial of a
    /// worse class.
    pub optimum_probability: f64,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        Self {
            context: 512,
            branches: 6,
            zoom_probability: 0.4,
            score_deviation: 5.0,
            value_deviation: 5.0,
            value_weight: 0.5,
            optimum_probability: 0.75,
        }
    }
}

impl EncoderOptions {
    /// The options as checkpoints name them: a format of its own, which renamed fields leave as it
    /// is.
    pub(super) fn settings(&self) -> String {
        let Self { context, branches, zoom_probability, score_deviation, .. } = self;
        let Self { value_deviation, value_weight, optimum_probability, .. } = self;
        format!(
            "EncoderOptions {{ context: {context}, branches: {branches}, \
             zoomed: {zoom_probability:?}, score_deviation: {score_deviation:?}, \
             value_deviation: {value_deviation:?}, value_weight: {value_weight:?}, \
             optimal: {optimum_probability:?} }}"
        )
    }
}

/// Regret below this share of the distance from the optimum to the median counts as class 0.
const REGRET_NONE: f64 = 0.02;
/// Regret below this share counts as class 1.
const REGRET_SMALL: f64 = 0.25;
/// The fewest trials that a box must hold to be shown.
const FEWEST_IN_BOX: usize = 5;

/// One trial as the sequence will show it.
struct ShownTrial {
    configuration: Configuration,
    /// Not a number where a parameter is inactive.
    unit: Vec<f64>,
    loss: Option<f64>,
}

/// The same problem with its parameters reordered, its axes turned and its choices renumbered.
struct Augmentation {
    order: Vec<usize>,
    flipped: Vec<bool>,
    renumbered: Vec<Vec<usize>>,
    space: Space,
}

impl Augmentation {
    fn draw(record: &Record, rng: &mut SeededRng) -> Self {
        let kinds = &record.kinds;
        let mut shuffled: Vec<usize> = (0..kinds.len()).collect();
        shuffled.shuffle(rng);
        let order = parents_first(&shuffled, &record.activations);
        // On a logarithmic scale the levels lie closer at one end, which turning would put at the
        // other.
        let flipped: Vec<bool> = kinds
            .iter()
            .map(|kind| rng.random_bool(0.5) && !matches!(kind, ParameterKind::LogLevels(_)))
            .collect();
        let renumbered: Vec<Vec<usize>> = kinds
            .iter()
            .map(|kind| match kind {
                ParameterKind::Categorical(choices) => {
                    let mut numbers: Vec<usize> = (0..usize::from(*choices)).collect();
                    numbers.shuffle(rng);
                    numbers
                }
                _ => Vec::new(),
            })
            .collect();
        let reordered: Vec<ParameterKind> = order.iter().map(|original| kinds[*original]).collect();
        let mut places = vec![0; order.len()];
        for (place, original) in order.iter().enumerate() {
            places[*original] = place;
        }
        let activation = |original: &usize| {
            let Activation { parent, values } = record.activations[*original]?;
            let shown = |value: usize| match kinds[parent] {
                ParameterKind::Categorical(_) => renumbered[parent][value],
                kind if flipped[parent] => usize::from(kind.count().unwrap_or(1)) - 1 - value,
                _ => value,
            };
            let values = (0..64).filter(|value| values >> value & 1 == 1);
            let values = values.fold(0, |all, value| all | 1 << shown(value));
            Some(Activation { parent: places[parent], values })
        };
        let activations: Vec<Option<Activation>> = order.iter().map(activation).collect();
        let space = space(&reordered, &activations);
        Self { order, flipped, renumbered, space }
    }

    /// The recorded coordinates as a configuration of the augmented space, inactive parameters left
    /// out.
    fn apply(&self, kinds: &[ParameterKind], coordinates: &[f32]) -> Configuration {
        let values = self.order.iter().enumerate().map(|(place, original)| {
            let coordinate = f64::from(coordinates[*original]);
            if coordinate < 0.0 {
                return None;
            }
            Some(match kinds[*original] {
                ParameterKind::Categorical(_) => {
                    self.renumbered[*original][coordinate as usize] as f64
                }
                _ => {
                    let unit = if self.flipped[*original] { 1.0 - coordinate } else { coordinate };
                    self.space.parameters()[place].domain().from_unit(unit)
                }
            })
        });
        Configuration::new(values.collect())
    }
}

/// An order with every parent moved to before the first of its children.
fn parents_first(order: &[usize], activations: &[Option<Activation>]) -> Vec<usize> {
    let mut sorted: Vec<usize> = Vec::with_capacity(order.len());
    for index in order {
        // From the parameter up to the first ancestor that has its place already.
        let mut chain = Vec::new();
        let mut next = Some(*index);
        while let Some(index) = next.filter(|index| !sorted.contains(index)) {
            chain.push(index);
            next = activations[index].map(|activation| activation.parent);
        }
        sorted.extend(chain.into_iter().rev());
    }
    sorted
}

/// How many trials of a space with `dimensions` parameters fit into `context` tokens.
pub fn trials_in_context(context: usize, dimensions: usize) -> usize {
    (context.saturating_sub(2) / (2 * dimensions + 3)).max(1)
}

/// Makes one training sequence from a record. Depends on the generator's state alone.
pub fn encode(record: &Record, options: &EncoderOptions, rng: &mut SeededRng) -> TrainingSequence {
    let augmentation = Augmentation::draw(record, rng);
    let tokenizer = Tokenizer::with_slots(&augmentation.space, draw_slots(record.kinds.len(), rng))
        .expect("a record has no more parameters and choices than the vocabulary");
    let mut shown = choose_trials(record, &augmentation, options, rng);
    let optimum = augmentation.apply(&record.kinds, &record.optimum);
    let view = choose_view(&augmentation.space, &mut shown, options, rng);

    let regret_class =
        if rng.random_bool(options.optimum_probability) { 0 } else { rng.random_range(1..=2) };
    // The scale is fitted to a part of the history, as it is in use, where new trials come after
    // the fit.
    let fitted = rng.random_range(shown.len().div_ceil(3)..=shown.len());
    let scale = ScoreScale::fit(shown[..fitted].iter().filter_map(|trial| trial.loss));

    let mut sequence = TrainingSequence::default();
    let mut tokens: Vec<Token> = Tokenizer::prompt(regret_class).to_vec();
    let mut ends = vec![tokens.len()];
    for trial in &shown {
        tokenizer.push_question(&trial.configuration, &view, &mut tokens);
        sequence.targets.push(Target {
            index: (tokens.len() - 1) as u32,
            kind: score_target(&scale, trial.loss, options),
            weight: 1.0,
        });
        tokens.push(scale.bin(trial.loss));
        ends.push(tokens.len());
    }
    let trunk = tokens.len();
    sequence.positions = (0..trunk as u16).collect();
    sequence.branch = vec![0; trunk];
    sequence.visible = vec![trunk as u16; trunk];
    sequence.tokens = tokens;

    for branch in 1..=options.branches {
        // The first branch hangs where the scale was fitted, the others anywhere.
        let seen = if branch == 1 { fitted } else { rng.random_range(0..=shown.len()) };
        let wanted = if regret_class == 0 {
            Some(&optimum)
        } else {
            trial_of_class(record, &shown[seen..], regret_class, rng)
        };
        let Some(wanted) = wanted else { continue };
        let unit = augmentation.space.to_partial_unit(wanted);
        if !view.contains(&unit) {
            continue;
        }
        push_branch(&mut sequence, &tokenizer, wanted, &view, branch, ends[seen], options);
    }
    sequence
}

/// Slots of a space's parameters: the first ones, or any others in any order.
fn draw_slots(parameters: usize, rng: &mut SeededRng) -> Vec<usize> {
    if rng.random_bool(0.75) {
        return (0..parameters).collect();
    }
    let mut slots: Vec<usize> = (0..MOST_PARAMETERS).collect();
    slots.shuffle(rng);
    slots.truncate(parameters);
    slots
}

/// Which trials are shown, in which order, with what noise.
fn choose_trials(
    record: &Record,
    augmentation: &Augmentation,
    options: &EncoderOptions,
    rng: &mut SeededRng,
) -> Vec<ShownTrial> {
    let most = trials_in_context(options.context, record.kinds.len());
    let mut chosen: Vec<usize> = (0..record.trials.len()).collect();
    if rng.random_bool(0.3) {
        // A study as it went, from its beginning.
        chosen.truncate(most);
    } else {
        chosen.shuffle(rng);
        // Subsampling keeps the best one, as the run-time selection does.
        let best = chosen.iter().position(|index| {
            let loss = |index: usize| record.trials[index].loss;
            let failed = |index: usize| record.trials[index].failed;
            !failed(*index)
                && chosen.iter().all(|other| failed(*other) || loss(*index) <= loss(*other))
        });
        if let Some(best) = best
            && best >= most
        {
            let place = rng.random_range(0..most);
            chosen.swap(best, place);
        }
        chosen.truncate(most);
    }
    let noise = if rng.random_bool(0.2) {
        let mut losses: Vec<f32> =
            record.trials.iter().filter(|trial| !trial.failed).map(|trial| trial.loss).collect();
        losses.sort_unstable_by(f32::total_cmp);
        let quartile = |share: usize| losses.get(losses.len() * share / 4).copied().unwrap_or(0.0);
        f64::from(quartile(3) - quartile(1)) * 10f64.powf(rng.random_range(-3.0..-1.0))
    } else {
        0.0
    };
    chosen
        .into_iter()
        .map(|index| {
            let trial = &record.trials[index];
            let configuration = augmentation.apply(&record.kinds, &trial.coordinates);
            let unit = augmentation.space.to_partial_unit(&configuration);
            let loss = f64::from(trial.loss) + noise * normal(rng);
            ShownTrial { configuration, unit, loss: (!trial.failed).then_some(loss) }
        })
        .collect()
}

/// The whole cube, or a box around the best trials; then only the trials inside it stay.
fn choose_view(
    space: &Space,
    shown: &mut Vec<ShownTrial>,
    options: &EncoderOptions,
    rng: &mut SeededRng,
) -> SearchBox {
    let whole = SearchBox::whole(space.len());
    if !rng.random_bool(options.zoom_probability) {
        return whole;
    }
    let units: Vec<(Vec<f64>, Option<f64>)> =
        shown.iter().map(|trial| (trial.unit.clone(), trial.loss)).collect();
    let view = random_box(space, &units, rng);
    if shown.iter().filter(|trial| view.contains(&trial.unit)).count() < FEWEST_IN_BOX {
        return whole;
    }
    shown.retain(|trial| view.contains(&trial.unit));
    view
}

/// A box around the best of some trials (unit-cube coordinates, not a number where inactive, and
/// losses), as wide as a sampler might choose it.
pub fn random_box(
    space: &Space,
    trials: &[(Vec<f64>, Option<f64>)],
    rng: &mut SeededRng,
) -> SearchBox {
    let mut ranked: Vec<(f64, usize)> = trials
        .iter()
        .enumerate()
        .filter_map(|(index, trial)| trial.1.map(|loss| (loss, index)))
        .collect();
    ranked.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let best = ((trials.len() as f64 * rng.random_range(0.12..0.4)) as usize).clamp(3, 12);
    let points: Vec<Vec<f64>> =
        ranked.iter().take(best).map(|(_, index)| trials[*index].0.clone()).collect();
    let widening = rng.random_range(1.2..2.5);
    let narrowest = 10f64.powf(rng.random_range(-2.5..-0.7));
    if points.is_empty() {
        return SearchBox::whole(space.len());
    }
    SearchBox::around(&points, widening, narrowest, |dimension| {
        !space.parameters()[dimension].domain().is_categorical()
    })
}

fn score_target(scale: &ScoreScale, loss: Option<f64>, options: &EncoderOptions) -> TargetKind {
    let (center, deviation) = match loss {
        Some(loss) => ((scale.score(loss) * BINS as f64) as f32, options.score_deviation),
        None => (BINS as f32 - 0.5, 0.3),
    };
    TargetKind::Bin { center: center.min(BINS as f32 - 0.5), deviation, group: BinGroup::Score }
}

/// A later trial whose regret, by hindsight, is of the class that the prompt asks for.
fn trial_of_class<'a>(
    record: &Record,
    later: &'a [ShownTrial],
    regret_class: usize,
    rng: &mut SeededRng,
) -> Option<&'a Configuration> {
    let mut losses: Vec<f64> = record
        .trials
        .iter()
        .filter(|trial| !trial.failed)
        .map(|trial| f64::from(trial.loss))
        .collect();
    losses.sort_unstable_by(f64::total_cmp);
    let optimum = f64::from(record.optimum_loss);
    let spread = losses.get(losses.len() / 2)? - optimum;
    let class = |loss: Option<f64>| match loss.map(|loss| (loss - optimum) / spread) {
        Some(regret) if regret < REGRET_NONE => 0,
        Some(regret) if regret < REGRET_SMALL => 1,
        _ => 2,
    };
    let fitting: Vec<&ShownTrial> =
        later.iter().filter(|trial| class(trial.loss) == regret_class).collect();
    if fitting.is_empty() {
        return None;
    }
    Some(&fitting[rng.random_range(0..fitting.len())].configuration)
}

/// A continuation of the first `seen` tokens that names `wanted`, each value a target.
fn push_branch(
    sequence: &mut TrainingSequence,
    tokenizer: &Tokenizer,
    wanted: &Configuration,
    view: &SearchBox,
    branch: usize,
    seen: usize,
    options: &EncoderOptions,
) {
    let mut question = Vec::new();
    tokenizer.push_question(wanted, view, &mut question);
    // What is only needed to predict the score goes: the last value and SCORE.
    question.truncate(question.len() - 2);
    let start = sequence.tokens.len();
    let active = wanted.values().iter().enumerate();
    let active = active.filter_map(|(index, value)| value.map(|value| (index, value)));
    for (place, (index, value)) in active.enumerate() {
        let domain = tokenizer.space().parameters()[index].domain();
        let kind = match domain.levels() {
            Some(choices) if domain.is_categorical() => {
                TargetKind::Category { code: value as u16, legal: u64::MAX >> (64 - choices) }
            }
            levels => {
                let inner = view.normalize(index, domain.to_unit(value)).clamp(0.0, 1.0);
                let (center, deviation) = if levels.is_some() {
                    (f32::from(numerical::bin(inner)) + 0.5, 1.0)
                } else {
                    ((inner * BINS as f64) as f32, options.value_deviation)
                };
                TargetKind::Bin { center, deviation, group: BinGroup::Value }
            }
        };
        // TRIAL_SEP SLOT value SLOT value …: the value of active parameter `place` follows token 1
        // + 2·place.
        let index = (start + 1 + 2 * place) as u32;
        sequence.targets.push(Target { index, kind, weight: options.value_weight });
    }
    for (offset, token) in question.into_iter().enumerate() {
        sequence.tokens.push(token);
        sequence.positions.push((seen + offset) as u16);
        sequence.branch.push(branch as u16);
        sequence.visible.push(seen as u16);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::{generators::FunctionOptions, trajectories};

    /// However parents are turned, renumbered and moved, every trial is legal in the disguised
    /// space and its inverse says what was recorded.
    #[test]
    fn augmented_trials_are_legal() {
        let options = FunctionOptions {
            continuous: 0.0,
            conditional: 1.0,
            max_dimensions: 8,
            ..FunctionOptions::default()
        };
        let teachers = "random".parse().unwrap();
        let mut rng = SeededRng::seed_from_u64(4);
        let mut moved = 0;
        for index in 0..150 {
            let record = trajectories::record(&options, &teachers, 12, 21, index).unwrap();
            let augmentation = Augmentation::draw(&record, &mut rng);
            assert_eq!(
                augmentation.space.is_conditional(),
                record.activations.iter().any(Option::is_some)
            );
            moved += usize::from(!augmentation.order.is_sorted());
            let recorded = record.trials.iter().map(|trial| &trial.coordinates);
            for coordinates in recorded.chain([&record.optimum]) {
                let configuration = augmentation.apply(&record.kinds, coordinates);
                augmentation.space.validate(&configuration).unwrap();
                for (place, original) in augmentation.order.iter().enumerate() {
                    let value = configuration.get(place);
                    let coordinate = f64::from(coordinates[*original]);
                    let domain = augmentation.space.parameters()[place].domain();
                    match (value, record.kinds[*original]) {
                        (None, _) => assert!(coordinate < 0.0),
                        (Some(value), ParameterKind::Categorical(_)) => {
                            let numbers = &augmentation.renumbered[*original];
                            assert_eq!(numbers[coordinate as usize] as f64, value);
                        }
                        (Some(value), _) => {
                            let unit = domain.to_unit(value);
                            let unit =
                                if augmentation.flipped[*original] { 1.0 - unit } else { unit };
                            assert!((unit - coordinate).abs() < 1e-6);
                        }
                    }
                }
            }
        }
        assert!(moved > 50, "{moved} of 150 are reordered");
    }
}
