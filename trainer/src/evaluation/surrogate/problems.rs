//! The surrogates on problems of a suite, such as real ones, whose optimum nobody knows.

use std::{collections::BTreeMap, sync::Arc};

use optiformer::{
    Result,
    model::Model,
    samplers::{self, Request},
    space::SearchBox,
    trial::Observation,
};
use rand::{RngExt, SeedableRng};

use super::{SurrogateQualities, TOLD, TransformerSurrogate, compare};
use crate::{
    episodes::{
        EpisodeOptions, EpisodeSummary, LabeledQuery, RawEpisode, history::History, queries,
    },
    problem::Problem,
    random::SeededRng,
};

/// The samplers that make the histories: their studies look everywhere, near the best trials, and
/// where a model expects most.
const TEACHERS: [&str; 4] = ["random", "tpe", "local_search", "gp"];

/// Judges a model beside `gp` on each problem, for studies with `seeds` seeds by each of four
/// samplers
/// (`random`, `tpe`, `local_search` and `gp`) and the numbers of told trials in [`TOLD`]. Queries
/// are drawn as in training, from the space and the told trials alone. The qualities are by the
/// index of the problem and the number of told trials.
///
/// Calls `progress` after each problem. The outcome depends on the arguments alone.
///
/// # Errors
///
/// What the model or a sampler says.
pub fn compare_problems(
    model: &Arc<Model>,
    problems: &[Problem],
    seeds: u64,
    permutations: usize,
    mut progress: impl FnMut(),
) -> Result<BTreeMap<(usize, usize), Vec<SurrogateQualities>>> {
    let mut qualities: BTreeMap<(usize, usize), Vec<SurrogateQualities>> = BTreeMap::new();
    let mut transformer = TransformerSurrogate::new(Arc::clone(model), permutations);
    for (index, problem) in problems.iter().enumerate() {
        for teacher in TEACHERS {
            for seed in 0..seeds {
                let mut rng = SeededRng::seed_from_u64(seed);
                let study = study(problem, teacher, seed)?;
                for told in TOLD {
                    let episode = episode(problem, &study[..told], &mut rng)?;
                    if let Some(one) = compare(&problem.space, &episode, &mut transformer)? {
                        qualities.entry((index, told)).or_default().push(one);
                    }
                }
            }
        }
        progress();
    }
    Ok(qualities)
}

/// The trials of a study, as many as the longest history.
fn study(problem: &Problem, teacher: &str, seed: u64) -> Result<Vec<Observation>> {
    let mut sampler = samplers::by_name(teacher)?;
    let mut trials: Vec<Observation> = Vec::new();
    for number in 0..TOLD[TOLD.len() - 1] as u64 {
        let space = &problem.space;
        let configuration =
            sampler.suggest(&Request { space, history: &trials, pending: &[], number, seed })?;
        let loss = (problem.objective)(&configuration);
        trials.push(Observation::new(configuration, loss));
    }
    Ok(trials)
}

/// Queries behind the told trials, with their answers.
fn episode(problem: &Problem, told: &[Observation], rng: &mut SeededRng) -> Result<RawEpisode> {
    let parameters = problem.space.len();
    let history = History {
        view: SearchBox::whole(parameters),
        trials: told.to_vec(),
        study: told.to_vec(),
        indices: (0..told.len()).collect(),
    };
    let count = EpisodeOptions::default().queries;
    // A stream of its own, so that no number of told trials depends on the queries of another.
    let rng = &mut SeededRng::seed_from_u64(rng.random());
    let labeled_queries = queries::draw(&problem.space, &history, count, false, rng)?
        .into_iter()
        .map(|query| LabeledQuery { loss: (problem.objective)(&query.configuration), query })
        .collect();
    let summary = EpisodeSummary { parameters, told: told.len(), ..EpisodeSummary::default() };
    Ok(RawEpisode { history, labeled_queries, optimum: None, summary })
}

#[cfg(test)]
mod tests {
    use optiformer::{
        model::Precision,
        space::{Configuration, Parameter, Space},
    };

    use super::*;

    fn problem(objective: impl Fn(&Configuration) -> f64 + Send + Sync + 'static) -> Problem {
        let unit = |name: &str| Parameter::float(name, 0.0, 1.0);
        Problem {
            name: String::from("bowl"),
            space: Space::new(vec![unit("x"), unit("y")]).unwrap(),
            objective: Arc::new(move |configuration| Some(objective(configuration))),
            optimum: None,
        }
    }

    /// Both surrogates explain a bowl from a hundred trials, far better than from ten, and nothing
    /// is judged where all losses are equal.
    #[test]
    fn a_bowl_is_predicted_and_a_constant_left_out() {
        let bowl = problem(|configuration| {
            let value = |index| configuration.get(index).unwrap() - 0.4;
            value(0) * value(0) + 0.5 * value(1) * value(1)
        });
        let constant = problem(|_| 1.0);
        let model = Arc::new(Model::pico_in(Precision::Int8).unwrap());
        let mut judged = 0;
        let qualities = compare_problems(&model, &[bowl, constant], 1, 1, || judged += 1).unwrap();
        assert_eq!(judged, 2);
        assert!(qualities.keys().all(|(index, _)| *index == 0), "{:?}", qualities.keys());
        let [few, many] = [10, 100].map(|told| super::super::total(&qualities[&(0, told)]));
        for (few, many) in few.iter().zip(&many) {
            assert!(many.r_squared() > 0.9, "{}", many.r_squared());
            assert!(many.log_loss() < few.log_loss() - 0.3);
        }
    }
}
