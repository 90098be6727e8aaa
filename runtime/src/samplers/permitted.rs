//! Suggestions in spaces with forbidden combinations.

use alloc::{collections::BTreeSet, format, vec::Vec};

use rand::{Rng, RngExt};

use super::{Request, Sampler, Suggestion, tried_set::TriedSet};
use crate::{Error, ErrorKind, Result, acquisition::CandidateOrigin, space::Configuration};

/// Number of permitted candidates among which the sampler chooses.
const CANDIDATES: usize = 256;
/// Number of draws for them.
const MAX_DRAWS: usize = 20_000;
/// Number of the best trials whose neighborhoods are searched.
const CENTERS: usize = 4;
/// Standard deviations of neighbors, in units of the cube.
const WIDTHS: [f64; 3] = [0.01, 0.05, 0.2];

/// The sampler's suggestion. Where the space forbids it, the permitted configuration that the
/// sampler ranks first among neighbors of the suggestion and of the best trials and random ones; a
/// sampler that ranks nothing takes the one nearest to its suggestion.
///
/// [`Study::ask`](crate::study::Study::ask) does this; a program that calls a sampler itself in a
/// space with [forbidden combinations](crate::space::Space::forbid) does it too.
///
/// # Errors
///
/// Those of [`Sampler::explain`]; [`ErrorKind::Exhausted`] where no permitted configuration was
/// found.
pub fn explain_permitted(sampler: &mut dyn Sampler, request: &Request<'_>) -> Result<Suggestion> {
    let suggestion = sampler.explain(request)?;
    if request.space.forbidden_by(&suggestion.configuration).is_none() {
        return Ok(suggestion);
    }
    let candidates = permitted_candidates(request, &suggestion.configuration);
    if candidates.is_empty() {
        let context = format!(
            "none of {MAX_DRAWS} configurations was permitted and untried; the space forbids: {}",
            request.space.forbidden().collect::<Vec<_>>().join("; ")
        );
        return Err(Error::new(ErrorKind::Exhausted, context));
    }
    let chosen = match sampler.choose(request, &candidates) {
        Ok(ranking) => candidates[ranking.order[0]].clone(),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            nearest(request, &suggestion.configuration, candidates)
        }
        Err(error) => return Err(error),
    };
    Ok(Suggestion::plain(chosen, sampler.name(), CandidateOrigin::Neighbor))
}

/// The candidate nearest to the suggestion, for a sampler that rates no configurations.
fn nearest(
    request: &Request<'_>,
    suggested: &Configuration,
    candidates: Vec<Configuration>,
) -> Configuration {
    let center = request.space.to_unit(suggested);
    let distance = |candidate: &Configuration| -> f64 {
        let unit = request.space.to_unit(candidate);
        unit.iter().zip(&center).map(|(one, other)| (one - other) * (one - other)).sum()
    };
    let rated = candidates.into_iter().map(|candidate| (distance(&candidate), candidate));
    let nearest = rated.min_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map_or_else(|| suggested.clone(), |(_, candidate)| candidate)
}

/// Permitted and untried configurations, without duplicates; all of a small space.
fn permitted_candidates(request: &Request<'_>, suggested: &Configuration) -> Vec<Configuration> {
    let space = request.space;
    let tried = TriedSet::new(request);
    if let Some(remaining) = tried.remaining(space)
        && remaining.len() <= CANDIDATES
    {
        return remaining;
    }
    let mut rng = request.rng();
    let mut centers = best_units(request);
    centers.insert(0, space.to_unit(suggested));
    let mut seen = BTreeSet::new();
    let mut candidates = Vec::new();
    for draw in 0..MAX_DRAWS {
        // Half of the draws are neighbors.
        let unit: Vec<f64> = if draw % 2 == 0 {
            (0..space.len()).map(|_| rng.random()).collect()
        } else {
            let center = &centers[draw / 2 % centers.len()];
            neighbor(center, WIDTHS[draw / 2 / centers.len() % WIDTHS.len()], &mut rng)
        };
        let configuration = space.from_unit(&unit);
        if space.forbidden_by(&configuration).is_none()
            && !tried.contains(&configuration)
            && seen.insert(TriedSet::key(&configuration))
        {
            candidates.push(configuration);
        }
        if candidates.len() == CANDIDATES {
            break;
        }
    }
    candidates
}

/// The best trials' points in the unit cube.
fn best_units(request: &Request<'_>) -> Vec<Vec<f64>> {
    let mut finished: Vec<_> =
        request.history.iter().filter_map(|trial| Some((trial.loss?, trial))).collect();
    finished.sort_by(|(one, first), (other, second)| {
        first.violation().total_cmp(&second.violation()).then(one.total_cmp(other))
    });
    let best = finished.iter().take(CENTERS);
    best.map(|(_, trial)| request.space.to_unit(&trial.configuration)).collect()
}

/// A normal perturbation of a point, reflected at the sides of the unit cube.
fn neighbor(center: &[f64], width: f64, rng: &mut impl Rng) -> Vec<f64> {
    let perturb = |coordinate: &f64| {
        // Box & Muller; 1 − u is above 0.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - rng.random::<f64>()));
        let angle = 2.0 * core::f64::consts::PI * rng.random::<f64>();
        let moved = (coordinate + width * radius * libm::cos(angle)).abs();
        (if moved > 1.0 { 2.0 - moved } else { moved }).clamp(0.0, 1.0)
    };
    center.iter().map(perturb).collect()
}
