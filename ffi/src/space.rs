//! Handles of search spaces.

use std::ffi::{c_char, c_int};

use optiformer::space::{Configuration, Domain, Parameter, Space};

use crate::{
    pointer,
    status::{CError, CallResult, Failure, Status, boundary, free},
};

/// Largest magnitude of an int: beyond it doubles skip whole numbers.
const LARGEST_INT: u64 = 1 << 53;

/// A space under construction.
#[derive(Default)]
pub struct SpaceHandle {
    parameters: Vec<Parameter>,
    /// The parameters as a space; `None` while there are none.
    space: Option<Space>,
}

impl From<Space> for SpaceHandle {
    fn from(space: Space) -> Self {
        Self { parameters: space.parameters().to_vec(), space: Some(space) }
    }
}

impl SpaceHandle {
    /// The space.
    pub fn space(&self) -> Result<&Space, Failure> {
        self.space
            .as_ref()
            .ok_or_else(|| Failure::new(Status::InvalidSpace, "the space has no parameters"))
    }

    /// Replaces the parameters, unless the new ones are not a valid space. What a document forbids
    /// stays forbidden.
    fn replace(&mut self, parameters: Vec<Parameter>) -> CallResult {
        let forbidden = self.space.iter().flat_map(|space| space.forbidden());
        let forbidden: Vec<String> = forbidden.map(str::to_string).collect();
        self.space = Some(Space::new(parameters.clone())?.forbid(forbidden)?);
        self.parameters = parameters;
        Ok(())
    }

    /// The index of the parameter called `name`.
    fn find(&self, name: &str) -> Result<usize, Failure> {
        match &self.space {
            Some(space) => Ok(space.find(name)?),
            None => {
                let message = format!("the space has no parameter \"{name}\"; it has none");
                Err(Failure::new(Status::InvalidValue, message))
            }
        }
    }

    fn add(&mut self, parameter: Parameter) -> CallResult {
        let mut parameters = self.parameters.clone();
        parameters.push(parameter);
        self.replace(parameters)
    }
}

/// A configuration from the caller's values; NaN stands for an inactive parameter.
pub fn configuration(values: &[f64]) -> Configuration {
    Configuration::new(values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect())
}

/// Writes a configuration to the caller's values.
pub fn write_configuration(configuration: &Configuration, values: &mut [f64]) {
    for (out, value) in values.iter_mut().zip(configuration.values()) {
        *out = value.unwrap_or(f64::NAN);
    }
}

/// Checks that a caller's `count` is the number of parameters.
pub fn check_count(space: &Space, count: usize) -> CallResult {
    if count == space.len() {
        return Ok(());
    }
    let message = format!("{count} values for {} parameters", space.len());
    Err(Failure::new(Status::InvalidValue, message))
}

/// An empty space.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_new(
    out: *mut *mut SpaceHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(SpaceHandle::default())) }
    })
}

/// A space from its JSON document.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_from_json(
    json: *const c_char,
    out: *mut *mut SpaceHandle,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a string.
        let json = unsafe { pointer::text(json, "json") }?;
        // SAFETY: the caller passes null or a writable place.
        unsafe { pointer::hand_out(out, || Ok(Space::from_json(json)?.into())) }
    })
}

/// Adds a float.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_add_float(
    space: *mut SpaceHandle,
    name: *const c_char,
    low: f64,
    high: f64,
    log: c_int,
    step: f64,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a handle of its own.
        let space = unsafe { pointer::exclusive(space, "space") }?;
        // SAFETY: the caller passes null or a string.
        let name = unsafe { pointer::text(name, "name") }?;
        let step = (step != 0.0).then_some(step);
        space.add(Parameter::new(name, Domain::Float { low, high, log: log != 0, step }))
    })
}

/// Adds an int.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_add_int(
    space: *mut SpaceHandle,
    name: *const c_char,
    low: i64,
    high: i64,
    log: c_int,
    step: i64,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a handle of its own.
        let space = unsafe { pointer::exclusive(space, "space") }?;
        // SAFETY: the caller passes null or a string.
        let name = unsafe { pointer::text(name, "name") }?;
        let step = if step == 0 { 1 } else { step };
        for (what, number) in [("low", low), ("high", high), ("step", step)] {
            // Larger numbers would change silently in the conversion to a double.
            if number.unsigned_abs() > LARGEST_INT {
                let message = format!("parameter \"{name}\": {what} {number} is beyond ±2^53");
                return Err(Failure::new(Status::InvalidSpace, message));
            }
        }
        let (low, high, step) = (low as f64, high as f64, step as f64);
        space.add(Parameter::new(name, Domain::Int { low, high, log: log != 0, step }))
    })
}

/// Adds a categorical.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_add_categorical(
    space: *mut SpaceHandle,
    name: *const c_char,
    choices: *const *const c_char,
    count: usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a handle of its own.
        let space = unsafe { pointer::exclusive(space, "space") }?;
        // SAFETY: the caller passes null or a string.
        let name = unsafe { pointer::text(name, "name") }?;
        // SAFETY: the caller passes null or an array of that many pointers, each null or a string.
        let choices = unsafe { pointer::texts(choices, count, "choices") }?;
        space.add(Parameter::categorical(name, choices))
    })
}

/// Makes a parameter conditional.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_set_condition(
    space: *mut SpaceHandle,
    name: *const c_char,
    parent: *const c_char,
    values: *const f64,
    count: usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a handle of its own.
        let space = unsafe { pointer::exclusive(space, "space") }?;
        // SAFETY: the caller passes null or a string.
        let name = unsafe { pointer::text(name, "name") }?;
        // SAFETY: the caller passes null or a string.
        let parent = unsafe { pointer::text(parent, "parent") }?;
        // SAFETY: the caller passes null or an array of that many values.
        let values = unsafe { pointer::slice(values, count, "values") }?;
        let (index, parent_index) = (space.find(name)?, space.find(parent)?);
        let owner = &space.parameters[parent_index];
        for value in values {
            owner.check_value(*value)?;
        }
        let choices: Vec<_> = values.iter().map(|value| owner.to_choice(*value)).collect();
        let mut parameters = space.parameters.clone();
        parameters[index] = parameters[index].clone().when(parent, choices);
        space.replace(parameters)
    })
}

/// Makes a parameter the fidelity.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_set_fidelity(
    space: *mut SpaceHandle,
    name: *const c_char,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a handle of its own.
        let space = unsafe { pointer::exclusive(space, "space") }?;
        // SAFETY: the caller passes null or a string.
        let name = unsafe { pointer::text(name, "name") }?;
        let index = space.find(name)?;
        let mut parameters = space.parameters.clone();
        parameters[index] = parameters[index].clone().fidelity();
        space.replace(parameters)
    })
}

/// The number of parameters.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_count(space: *const SpaceHandle) -> usize {
    // SAFETY: the caller passes null or a live handle.
    unsafe { space.as_ref() }.map_or(0, |space| space.parameters.len())
}

/// The name of a parameter.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_name(
    space: *const SpaceHandle,
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle.
        let parameters = &unsafe { pointer::shared(space, "space") }?.parameters;
        let parameter = parameters.get(index).ok_or_else(|| {
            let message = format!("parameter {index} of {}", parameters.len());
            Failure::new(Status::InvalidValue, message)
        })?;
        // SAFETY: the caller passes null or an array of that many bytes.
        unsafe { pointer::write_text(parameter.name(), buffer, capacity, needed) }
    })
}

/// The space as JSON.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_to_json(
    space: *const SpaceHandle,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut CError,
) -> i32 {
    boundary(error, || {
        // SAFETY: the caller passes null or a live handle.
        let space = unsafe { pointer::shared(space, "space") }?.space()?;
        // SAFETY: the caller passes null or an array of that many bytes.
        unsafe { pointer::write_text(&space.to_json(), buffer, capacity, needed) }
    })
}

/// Frees a space; studies that use it stay valid.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn optiformer_space_free(space: *mut SpaceHandle) {
    // SAFETY: the caller passes null or a handle that it frees once.
    unsafe { free(space) }
}
