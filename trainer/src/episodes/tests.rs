use rand::SeedableRng;

use super::*;
use crate::{
    generators::function::{Drawn, FunctionOptions},
    sequence::TargetKind,
};

fn problems(count: u64) -> impl Iterator<Item = (Drawn, Problem)> {
    (0..count).map(|index| {
        let mut drawn = Function::draw(&FunctionOptions::default(), 5, index);
        let options = EpisodeOptions { acquisition: 0.3, ..EpisodeOptions::default() };
        let shape = (draw_length(60, &mut drawn.generator), index % 2 == 0);
        let problem =
            problem(&drawn.function, &drawn.optimum, shape, &options, &mut drawn.generator)
                .unwrap();
        (drawn, problem)
    })
}

#[test]
fn queries_are_legal_and_inside_the_view() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut boxes = 0;
    for (Drawn { function, .. }, problem) in problems(60) {
        let view = &problem.history.view;
        boxes += usize::from(!view.is_whole());
        for trial in &problem.history.trials {
            assert!(view.contains(&function.space.to_partial_unit(&trial.configuration)));
        }
        assert_eq!(problem.answers.len(), EpisodeOptions::default().queries);
        for answer in &problem.answers {
            function.space.validate(&answer.query.configuration).unwrap();
            kinds.insert(answer.query.kind);
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
    for (Drawn { function, .. }, problem) in problems(40) {
        if !problem.history.has_scale() {
            continue;
        }
        let draw = |seed| {
            let mut rng = Generator::seed_from_u64(seed);
            queries::draw(&function.space, &problem.history, 30, false, &mut rng).unwrap()
        };
        assert_eq!(draw(1), draw(1));
        let mut moved = problem.clone();
        for answer in &mut moved.answers {
            answer.loss = answer.loss.map(|loss| -3.0 * loss - 1e3);
        }
        let encode = |problem: &Problem| {
            let mut rng = Generator::seed_from_u64(9);
            encode(&function, problem, &options, &mut rng)
        };
        let (one, other) = (encode(&problem), encode(&moved));
        assert_eq!(one.rows, other.rows);
        assert_ne!(one.targets, other.targets);
        assert_eq!(problem.history.scale(), moved.history.scale());
        compared += 1;
    }
    assert!(compared > 25, "{compared}");
}

#[test]
fn targets_stand_at_query_rows_and_in_range() {
    let options = EpisodeOptions::default();
    let (mut categories, mut failures) = (0, 0);
    for (Drawn { function, mut generator, .. }, problem) in problems(80) {
        let episode = encode(&function, &problem, &options, &mut generator);
        assert_eq!(
            episode.history,
            optiformer::tokenizer::rows::CONTEXT_ROWS + problem.history.trials.len()
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

#[test]
fn batches_depend_on_their_number_and_not_on_threads() {
    use super::source::{EpisodeSource, SourceOptions};
    use crate::training::{BatchSource, Examples};

    let source = |threads| {
        let options = SourceOptions {
            episodes: EpisodeOptions { longest: 40, ..EpisodeOptions::default() },
            functions: FunctionOptions::default(),
            batch_rows: 400,
            episodes_per_function: 2,
            validation_batches: 2,
            seed: 3,
        };
        EpisodeSource::new(options, threads).unwrap()
    };
    let batch = |source: &EpisodeSource, step| match source.training(step).unwrap() {
        Examples::Episodes(episodes) => episodes,
        Examples::Sequences(_) => unreachable!("the source makes episodes"),
    };
    let (one, two) = (source(1), source(2));
    for step in [9, 0] {
        assert_eq!(batch(&one, step), batch(&two, step));
    }
    assert_ne!(batch(&one, 0), batch(&one, 1));
    assert!(one.validation(1).is_some() && one.validation(2).is_none());
}
