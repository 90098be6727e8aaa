//! What the model is shown: a prefix of a study, seen whole or inside a box.

use optiformer::{
    Result,
    space::{SearchBox, Space},
    tokenizer::ScoreScale,
    trial::Observation,
};
use rand::RngExt;

use crate::{
    dataset::{encoder::random_box, record::Teacher},
    generators::{Function, optimum::Optimum},
    random::SeededRng,
    trajectories::{TeacherMixture, study},
};

/// Histories longer than this are not proposed by teachers whose suggestions take milliseconds.
const LONGEST_OF_SLOW_TEACHERS: usize = 48;
/// The longest study that a box is cut from.
const LONGEST_STUDY: usize = 400;
/// The fewest trials that a box must hold to be shown.
const FEWEST_IN_BOX: usize = 3;

/// The told trials, and where the model looks.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The whole space, or a box.
    pub view: SearchBox,
    /// The trials inside it.
    pub trials: Vec<Observation>,
    /// All trials of the study, which a Gaussian process models, inside the box or not.
    pub study: Vec<Observation>,
    /// The indices of `trials` in the study.
    pub indices: Vec<usize>,
}

impl History {
    /// The scale of the scores, fitted to these trials.
    pub fn scale(&self) -> ScoreScale {
        ScoreScale::fit(self.trials.iter().filter_map(|trial| trial.loss))
    }

    /// Whether two losses differ, so that the scale has a unit.
    pub fn has_scale(&self) -> bool {
        let mut losses = self.trials.iter().filter_map(|trial| trial.loss);
        losses.next().is_some_and(|first| losses.any(|loss| loss != first))
    }
}

/// Draws a history of `length` trials, by a teacher or by design; in a box it has about as many.
///
/// # Errors
///
/// What a teacher says.
pub fn draw(
    function: &Function,
    optimum: &Optimum,
    length: usize,
    boxed: bool,
    teachers: &TeacherMixture,
    rng: &mut SeededRng,
) -> Result<History> {
    let boxed = boxed && length > FEWEST_IN_BOX;
    let studied = if boxed {
        ((length as f64 * rng.random_range(1.5..4.0)) as usize).min(LONGEST_STUDY)
    } else {
        length
    };
    let is_slow = |teacher: Teacher| matches!(teacher, Teacher::Gp | Teacher::LocalSearch);
    let teacher = match teachers.draw(rng) {
        Teacher::OracleGuided => None,
        teacher if is_slow(teacher) && studied > LONGEST_OF_SLOW_TEACHERS => None,
        teacher => Some(teacher),
    };
    let trials: Vec<Observation> = study(function, optimum, teacher, studied, rng)?
        .into_iter()
        .map(|trial| Observation::new(function.configuration(&trial.values), trial.loss))
        .collect();
    let whole = SearchBox::whole(function.space.len());
    if !boxed {
        let indices = (0..trials.len()).collect();
        return Ok(History { view: whole, study: trials.clone(), trials, indices });
    }
    Ok(crop_to_box(&function.space, trials, length, rng))
}

/// The trials inside a random box around the best ones, at most `longest`.
fn crop_to_box(
    space: &Space,
    study: Vec<Observation>,
    longest: usize,
    rng: &mut SeededRng,
) -> History {
    let units: Vec<(Vec<f64>, Option<f64>)> = study
        .iter()
        .map(|trial| (space.to_partial_unit(&trial.configuration), trial.loss))
        .collect();
    let view = random_box(space, &units, rng);
    let inside: Vec<usize> =
        (0..study.len()).filter(|index| view.contains(&units[*index].0)).collect();
    let (view, mut indices) = if inside.len() < FEWEST_IN_BOX {
        (SearchBox::whole(space.len()), (0..study.len()).collect())
    } else {
        (view, inside)
    };
    indices.truncate(longest);
    let trials = indices.iter().map(|index| study[*index].clone()).collect();
    History { view, trials, study, indices }
}
