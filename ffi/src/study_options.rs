//! What a study is made of besides its space.

use std::{
    ffi::c_char,
    mem::{offset_of, size_of},
    ptr,
};

use optiformer::{
    Result,
    space::Space,
    study::{Direction, Objective, Pruner, Study},
};

use crate::{
    model::ModelHandle,
    pointer,
    sampler::SamplerKey,
    status::{Failure, Status},
};

/// Options of a study.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct StudyOptions {
    /// `sizeof(optiformer_study_options)`.
    pub struct_size: usize,
    /// 0 to minimize, 1 to maximize.
    pub direction: i32,
    /// The sampler's name; null for "auto".
    pub sampler: *const c_char,
    /// The model for samplers that use one; null for the embedded one.
    pub model: *const ModelHandle,
    /// Seed of all suggestions.
    pub seed: u64,
    /// Names of the constraints, `[constraint_count]`.
    pub constraints: *const *const c_char,
    /// Number of constraints.
    pub constraint_count: usize,
    /// Names of the objectives, `[objective_count]`.
    pub objectives: *const *const c_char,
    /// A direction for each objective, `[objective_count]`; null for `direction` of all.
    pub directions: *const i32,
    /// Number of objectives with a name; 0 for one without.
    pub objective_count: usize,
    /// The text of the rule that ends trials early; null for none.
    pub pruner: *const c_char,
}

/// Size of [`StudyOptions`] when it was published; fixed forever.
const FIRST_SIZE: usize = offset_of!(StudyOptions, seed) + size_of::<u64>();

const DEFAULTS: StudyOptions = StudyOptions {
    struct_size: size_of::<StudyOptions>(),
    direction: 0,
    sampler: ptr::null(),
    model: ptr::null(),
    seed: 0,
    constraints: ptr::null(),
    constraint_count: 0,
    objectives: ptr::null(),
    directions: ptr::null(),
    objective_count: 0,
    pruner: ptr::null(),
};

/// The caller's options, checked.
pub struct CheckedOptions {
    /// The direction of a study without named objectives.
    pub direction: Direction,
    /// Sampler and model.
    pub key: SamplerKey,
    /// Seed of all suggestions.
    pub seed: u64,
    /// The objectives that have names; empty for one without.
    pub objectives: Vec<Objective>,
    /// Names of the constraints.
    pub constraints: Vec<String>,
    /// The rule that ends trials early.
    pub pruner: Option<Pruner>,
}

impl CheckedOptions {
    /// Reads the caller's struct, or the defaults for null.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidValue`] and others, naming the option.
    ///
    /// # Safety
    ///
    /// `options` is null or points to a struct that begins with its size, whose sampler and
    /// pruner are null or strings, whose model is null or a live handle, and whose arrays are null
    /// or have as many elements as it says.
    pub unsafe fn read(options: *const StudyOptions) -> std::result::Result<Self, Failure> {
        // SAFETY: the caller passes null or a struct that begins with its size; any bytes make one.
        let options = unsafe { pointer::options(options, DEFAULTS, FIRST_SIZE, "options") }?;
        let direction = direction(options.direction, "direction")?;
        // SAFETY: the options hold null or a string, and null or a live handle.
        let key = unsafe { SamplerKey::new(options.sampler, options.model) }?;
        // SAFETY: the options hold null or an array of that many strings.
        let constraints = unsafe {
            pointer::texts(options.constraints, options.constraint_count, "options: constraints")
        }?;
        // SAFETY: as above.
        let objectives = unsafe { objectives(&options, direction) }?;
        let constraints = constraints.into_iter().map(String::from).collect();
        // SAFETY: the options hold null or a string.
        let pruner = unsafe { pruner(options.pruner) }?;
        Ok(Self { direction, key, seed: options.seed, objectives, constraints, pruner })
    }

    /// A study without trials.
    ///
    /// # Errors
    ///
    /// Those of the sampler, of [`Study::with_objectives`], [`Study::with_constraints`] and
    /// [`Study::with_pruner`].
    pub fn study(self, space: Space) -> Result<Study> {
        let mut study = Study::new(space, self.direction, self.key.sampler()?, self.seed);
        if !self.objectives.is_empty() {
            study = study.with_objectives(self.objectives)?;
        }
        study = study.with_constraints(self.constraints)?;
        match self.pruner {
            Some(pruner) => study.with_pruner(pruner),
            None => Ok(study),
        }
    }
}

/// The rule that a text stands for; none for null.
///
/// # Safety
///
/// `text` is null or a string.
unsafe fn pruner(text: *const c_char) -> std::result::Result<Option<Pruner>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller passes a string.
    let text = unsafe { pointer::text(text, "pruner") }?;
    Ok(Some(text.parse()?))
}

/// The objectives that have names.
///
/// # Safety
///
/// The arrays are null or have as many elements as the options say.
unsafe fn objectives(
    options: &StudyOptions,
    of_all: Direction,
) -> std::result::Result<Vec<Objective>, Failure> {
    let count = options.objective_count;
    // SAFETY: the caller vouches for the arrays, here and below.
    let names = unsafe { pointer::texts(options.objectives, count, "options: objectives") }?;
    let directions = if options.directions.is_null() {
        vec![of_all; count]
    } else {
        // SAFETY: as above.
        let codes = unsafe { pointer::slice(options.directions, count, "options: directions") }?;
        let codes = codes.iter().enumerate();
        let read = |(index, code): (usize, &i32)| direction(*code, &format!("directions[{index}]"));
        codes.map(read).collect::<std::result::Result<_, _>>()?
    };
    let objective = |(name, direction): (&str, Direction)| match direction {
        Direction::Minimize => Objective::minimize(name),
        Direction::Maximize => Objective::maximize(name),
    };
    Ok(names.into_iter().zip(directions).map(objective).collect())
}

/// A direction from its number; `field` is what has it.
fn direction(code: i32, field: &str) -> std::result::Result<Direction, Failure> {
    match code {
        0 => Ok(Direction::Minimize),
        1 => Ok(Direction::Maximize),
        other => {
            let message = format!("options: {field} {other} is neither 0 nor 1");
            Err(Failure::new(Status::InvalidValue, message))
        }
    }
}
