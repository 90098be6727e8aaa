//! The charts of one objective.

use askama::filters::Safe;
use optiformer::{space::Domain, study::TrialState};

use super::{
    chart::{self, Landscape, Series},
    study_data::StudyData,
    surrogate::{FEWEST_TRIALS, Importances, Surrogate},
};
use crate::{output::short, text::counted};

/// Most slices.
const MAX_SLICES: usize = 24;
/// Points of the map's grid along a parameter with many values.
const GRID: usize = 49;

/// The charts of one objective of a study.
pub struct ObjectivePart {
    /// The objective, where there are several.
    pub heading: Option<String>,
    /// Curves for wide and for narrow screens.
    pub curves: Option<[Safe<String>; 2]>,
    /// Remarks under the curves.
    pub curves_note: String,
    /// The importances and what to know about them.
    pub importances: Option<(Safe<String>, String)>,
    /// Why there are no importances; empty where there are, or where there is no study to speak of.
    pub no_model: String,
    /// The map.
    pub map: Option<Map>,
    /// Slices, and what was left out.
    pub slices: Vec<Safe<String>>,
    /// Remarks under the slices.
    pub slices_note: String,
    /// The parameters, the most important first.
    pub order: Vec<usize>,
}

/// The map of the objective over two parameters.
pub struct Map {
    /// The image.
    pub chart: Safe<String>,
    /// The parameters.
    pub names: (String, String),
    /// The predictions at the ends of the scale.
    pub ends: (String, String),
}

impl ObjectivePart {
    /// The charts of a view.
    pub fn new(data: &StudyData<'_>, is_one_of_several: bool) -> Self {
        let mut model = Surrogate::new(data);
        let importances = model.as_mut().and_then(Surrogate::importances);
        let order = order(data, importances.as_ref());
        let any = data.best().is_some();
        let heading = || format!("{}, to {}", data.objective_name(), data.direction());
        Self {
            heading: is_one_of_several.then(heading),
            curves: any.then(|| {
                [(1040.0, 330.0), (356.0, 270.0)]
                    .map(|size| chart::best_so_far(&[Series { data, color: 0 }], size))
            }),
            curves_note: curves_note(data),
            no_model: no_model(data, importances.is_some()),
            map: model.as_mut().and_then(|model| map(data, model, &order)),
            slices: if any { slices(data, model.as_mut(), &order) } else { Vec::new() },
            slices_note: match order.len() {
                count if any && count > MAX_SLICES => {
                    format!("{MAX_SLICES} of {} are shown.", counted(count, "parameter"))
                }
                _ => String::new(),
            },
            importances: importances.map(|it| draw_importances(data, &it, &order)),
            order,
        }
    }
}

/// The parameters, the most important first; in the space's order where that is not known.
fn order(data: &StudyData<'_>, importances: Option<&Importances>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.space().len()).collect();
    if let Some(importances) = importances {
        let total = |index: &usize| importances.indices[*index].total;
        order.sort_by(|one, other| total(other).total_cmp(&total(one)));
    }
    order
}

fn curves_note(data: &StudyData<'_>) -> String {
    let mut notes = Vec::new();
    let values = data.values();
    let axis = chart::Axis::of_objectives("", &values, data.smaller_is_better());
    let beyond = values.iter().filter(|value| axis.is_beyond(**value)).count();
    if beyond > 0 {
        let verb = if beyond == 1 { "is a triangle" } else { "are triangles" };
        notes.push(format!(
            "{} far beyond the others {verb} at the edge.",
            counted(beyond, "trial")
        ));
    }
    if axis.is_log() {
        notes.push("The objective has a logarithmic axis.".into());
    }
    let any = |state| data.in_state(state).next().is_some();
    if any(TrialState::Failed) {
        notes.push("Red strokes at the foot are failed trials.".into());
    }
    if any(TrialState::Pruned) {
        notes.push("Gray strokes at the foot are pruned trials.".into());
    }
    if data.finished().any(|it| data.shade(it.0).is_none()) {
        notes.push("Hollow dots do not keep to the constraints.".into());
    }
    if values.len() > chart::MAX_DOTS {
        notes.push(format!(
            "Of {} at most {} are drawn in each chart: the best, those that improved on all \
             before, and an even selection of the others.",
            counted(values.len(), "finished trial"),
            chart::MAX_DOTS
        ));
    }
    notes.join(" ")
}

fn no_model(data: &StudyData<'_>, is_known: bool) -> String {
    let finished = data.finished().count();
    if is_known || finished == 0 {
        String::new()
    } else if finished < FEWEST_TRIALS {
        format!(
            "Importances and a map of the objective need {FEWEST_TRIALS} finished trials; there \
             {} {finished}.",
            if finished == 1 { "is" } else { "are" }
        )
    } else if data.space().len() > super::sensitivity::MAX_INPUTS {
        "Importances are not worked out for spaces of more than 128 parameters.".into()
    } else {
        "No parameter explains the objectives: the model is flat.".into()
    }
}

fn draw_importances(
    data: &StudyData<'_>,
    importances: &Importances,
    order: &[usize],
) -> (Safe<String>, String) {
    let parameters = data.space().parameters();
    let bars: Vec<_> = order
        .iter()
        .map(|index| (parameters[*index].name(), importances.indices[*index]))
        .collect();
    let mut note = String::new();
    if importances.noise >= 0.01 {
        note = format!(
            "The model takes {:.0} % of the variance of the trials for noise.",
            100.0 * importances.noise
        );
    }
    if importances.noise > 0.5 {
        note += " It explains little, so take this picture with care.";
    }
    (chart::importances(&bars, 420.0), note)
}

/// The map over the two most important parameters that are active in the best trial.
fn map(data: &StudyData<'_>, model: &mut Surrogate<'_>, order: &[usize]) -> Option<Map> {
    let (best, _) = data.best()?;
    let mut active = order.iter().copied().filter(|index| best.configuration.get(*index).is_some());
    let (one, other) = (active.next()?, active.next()?);
    // A categorical is easier to read at the side.
    let is_categorical = |index: usize| {
        matches!(data.space().parameters()[index].domain(), Domain::Categorical { .. })
    };
    let (across, up) = if is_categorical(one) { (other, one) } else { (one, other) };
    let (columns, rows) = (model.places(across, GRID), model.places(up, GRID));
    let estimates = model.map((across, &columns), (up, &rows));
    let least = estimates.iter().min_by(|one, other| one.target.total_cmp(&other.target))?;
    let most = estimates.iter().max_by(|one, other| one.target.total_cmp(&other.target))?;
    if most.target - least.target < 1e-6 {
        return None;
    }
    let parameters = data.space().parameters();
    let values = |parameter: usize, places: &[f64]| {
        places.iter().map(|place| parameters[parameter].domain().from_unit(*place)).collect()
    };
    let landscape = Landscape {
        parameters: (across, up),
        values: (values(across, &columns), values(up, &rows)),
        targets: estimates.iter().map(|estimate| estimate.target).collect(),
    };
    let name = |index: usize| parameters[index].name().to_string();
    Some(Map {
        chart: chart::landscape(data, &landscape, (420.0, 330.0)),
        names: (name(across), name(up)),
        ends: (short(least.median), short(most.median)),
    })
}

fn slices(
    data: &StudyData<'_>,
    mut model: Option<&mut Surrogate<'_>>,
    order: &[usize],
) -> Vec<Safe<String>> {
    let slice = |parameter: &usize| {
        let prediction = model.as_mut().map_or(Vec::new(), |model| model.slice(*parameter));
        chart::slice(data, *parameter, &prediction)
    };
    order.iter().take(MAX_SLICES).map(slice).collect()
}
