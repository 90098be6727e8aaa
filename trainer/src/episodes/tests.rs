use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicBool},
};

use optiformer::space::Parameter;
use rand::SeedableRng;

use super::{
    bank::FunctionBank,
    source::{EpisodeSource, EpisodeSourceOptions},
    *,
};
use crate::{
    generators::{FunctionOptions, SampledFunction},
    problem::Problem,
    sequence::TargetKind,
    training::{BatchSource, Examples},
};

fn problems(count: u64) -> impl Iterator<Item = (SampledFunction, RawEpisode)> {
    (0..count).map(|index| {
        let mut drawn = SampledFunction::draw(&FunctionOptions::default(), 5, index);
        let options = EpisodeOptions { acquisition_share: 0.3, ..EpisodeOptions::default() };
        let shape = (draw_length(60, &mut drawn.rng), index % 2 == 0);
        let raw =
            draw_raw(&drawn.function, &drawn.optimum, shape, &options, &mut drawn.rng).unwrap();
        (drawn, raw)
    })
}

#[test]
fn queries_are_legal_and_inside_the_view() {
    let mut kinds = BTreeSet::new();
    let mut boxes = 0;
    for (SampledFunction { function, .. }, raw) in problems(60) {
        let view = &raw.history.view;
        boxes += usize::from(!view.is_whole());
        for trial in &raw.history.trials {
            assert!(view.contains(&function.space.to_partial_unit(&trial.configuration)));
        }
        assert_eq!(raw.labeled_queries.len(), EpisodeOptions::default().queries);
        for labeled in &raw.labeled_queries {
            function.space.validate(&labeled.query.configuration).unwrap();
            kinds.insert(labeled.query.kind);
        }
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!((10..40).contains(&boxes), "{boxes}");
}

/// What comes after the shown prefix cannot be seen in what the model reads: the same history with
/// other outcomes of the queries, as if the optimum lay elsewhere, gives the same queries, the same
/// rows and the same scale.
#[test]
fn queries_and_scale_know_the_shown_prefix_alone() {
    let options = EpisodeOptions { policy_queries: 0, ..EpisodeOptions::default() };
    let mut compared = 0;
    for (SampledFunction { function, .. }, raw) in problems(40) {
        if !raw.history.has_scale() {
            continue;
        }
        let draw = |seed| {
            let mut rng = SeededRng::seed_from_u64(seed);
            queries::draw(&function.space, &raw.history, 30, false, &mut rng).unwrap()
        };
        assert_eq!(draw(1), draw(1));
        let mut moved = raw.clone();
        for labeled in &mut moved.labeled_queries {
            labeled.loss = labeled.loss.map(|loss| -3.0 * loss - 1e3);
        }
        let encode = |raw: &RawEpisode| {
            let mut rng = SeededRng::seed_from_u64(9);
            encode(&function, raw, None, &options, &mut rng)
        };
        let (one, other) = (encode(&raw), encode(&moved));
        assert_eq!(one.rows, other.rows);
        assert_ne!(one.targets, other.targets);
        assert_eq!(raw.history.scale(), moved.history.scale());
        compared += 1;
    }
    assert!(compared > 25, "{compared}");
}

#[test]
fn targets_stand_at_query_rows_and_in_range() {
    let options = EpisodeOptions::default();
    let (mut categories, mut failures) = (0, 0);
    for (SampledFunction { function, mut rng, .. }, raw) in problems(300) {
        let episode = encode(&function, &raw, None, &options, &mut rng);
        assert_eq!(
            episode.history,
            optiformer::tokenizer::rows::CONTEXT_ROWS + raw.history.trials.len()
        );
        for target in &episode.targets {
            assert!((episode.history..episode.rows.len()).contains(&(target.index as usize)));
            match target.kind {
                TargetKind::Bin { center, deviation, group } => {
                    assert!((0.0..=1000.0).contains(&center) && deviation > 0.0);
                    failures += usize::from(group == BinGroup::Score && center > 999.0);
                }
                TargetKind::Category { code, legal } => {
                    assert!(legal >> code & 1 == 1);
                    categories += 1;
                }
            }
        }
    }
    assert!(categories > 20 && failures > 5, "{categories} {failures}");
}

fn source(episodes: EpisodeOptions, batch_rows: usize, threads: usize) -> EpisodeSource {
    let options = EpisodeSourceOptions {
        episodes,
        functions: FunctionOptions::default(),
        batch_rows,
        episodes_per_function: 2,
        validation_batches: 2,
        seed: 3,
    };
    EpisodeSource::new(options, threads).unwrap()
}

fn episodes(examples: Examples) -> Vec<Episode> {
    match examples {
        Examples::Episodes(episodes) => episodes,
        Examples::Sequences(_) => unreachable!("the source makes episodes"),
    }
}

#[test]
fn batches_depend_on_their_number_and_not_on_threads() {
    let options = EpisodeOptions { max_trials: 40, ..EpisodeOptions::default() };
    let [one, two] = [1, 2].map(|threads| source(options.clone(), 400, threads));
    let batch = |source: &EpisodeSource, step| episodes(source.training(step).unwrap());
    for step in [9, 0] {
        assert_eq!(batch(&one, step), batch(&two, step));
    }
    assert_ne!(batch(&one, 0), batch(&one, 1));
    assert!(one.validation(1).is_some() && one.validation(2).is_none());
}

#[test]
fn random_assignments_are_legal_and_differ() {
    let parameters =
        vec![Parameter::float("x", 0.0, 1.0), Parameter::categorical("c", ["a", "b", "d"])];
    let space = Space::new(parameters).unwrap();
    let configuration = space.from_unit(&[0.5, 0.9]);
    let mut rng = SeededRng::seed_from_u64(1);
    let (mut seen, mut usual) = (BTreeSet::new(), 0);
    for _ in 0..400 {
        let tokenizer = random_assignment(&space, 32, &mut rng).unwrap();
        let mut rows = Rows::new();
        tokenizer.push_question(&configuration, &SearchBox::whole(2), &mut rows);
        let entries = rows.row(0).entries;
        assert!(entries[0].slot != entries[1].slot && entries.iter().all(|it| it.slot < 32));
        assert!(CATEGORIES.contains(&entries[1].value));
        let value = entries[1].value - CATEGORIES.start;
        usual += usize::from(entries[0].slot < 2 && entries[1].slot < 2 && value < 3);
        seen.insert((entries[0].slot, entries[1].value));
    }
    // Four of five have the first slots and codes, and the others any.
    assert!((280..360).contains(&usual), "{usual}");
    assert!(seen.len() > 50, "{}", seen.len());
}

/// Real functions make the share of training that was asked for, whatever the number of threads,
/// and none of validation.
#[test]
fn real_functions_are_trained_on_and_not_validated_on() {
    let objective = |configuration: &Configuration| {
        Some(configuration.get(0)? + configuration.get(1)?.powi(2) + configuration.get(2)?)
    };
    // Synthetic functions have up to twenty parameters, those of this problem three at most.
    let parameters = ["a", "b", "c"].map(|name| Parameter::int(name, 0, 40)).to_vec();
    let problem = Problem {
        name: String::from("sum"),
        space: Space::new(parameters).unwrap(),
        objective: Arc::new(objective),
        optimum: None,
    };
    let make = |share: Option<f64>, threads| {
        let options = EpisodeOptions { prediction_share: 0.0, ..EpisodeOptions::default() };
        let source = source(options, 1024, threads);
        let Some(share) = share else { return source };
        let (problems, never) = (std::slice::from_ref(&problem), AtomicBool::new(false));
        let bank = FunctionBank::of_problems(problems, 6, 1, &never, || ()).unwrap();
        source.with_real_functions(bank.unwrap(), share)
    };
    let training = |source: &EpisodeSource| episodes(source.training(0).unwrap());
    let (without, none, all) = (make(None, 1), make(Some(0.0), 1), make(Some(1.0), 2));
    assert_eq!(training(&without), training(&none));
    assert_eq!(training(&all), training(&make(Some(1.0), 1)));
    assert!(training(&all).iter().all(|it| it.summary.parameters <= 3));
    assert!(training(&without).iter().any(|it| it.summary.parameters > 3));
    let validation = |source: &EpisodeSource| episodes(source.validation(0).unwrap().unwrap());
    assert_eq!(validation(&without), validation(&all));
    assert_ne!(without.settings(), all.settings());
    assert_ne!(none.settings(), all.settings());
}
