//! The parameters of a space as columns of cells: levels, or bins of a range.

use optiformer::space::{Choice, Configuration, Domain, Parameter, Space};
use serde_json::{Value, json};

/// Most values of an ordered parameter that are levels of their own.
const LEVELS: u64 = 20;

/// The cells of a space.
#[derive(Debug)]
pub struct Columns<'a> {
    space: &'a Space,
    columns: Vec<Column>,
}

/// The cells of a parameter.
#[derive(Debug)]
pub struct Column {
    cells: u64,
    is_binned: bool,
    /// The lowest and the highest value of an ordered parameter.
    ends: Option<[f64; 2]>,
    /// Values that stand for the cells, and the ends, and what activates others.
    options: Vec<f64>,
    /// The ancestors, each with the values that make this parameter active.
    conditions: Vec<(usize, Vec<f64>)>,
}

impl Column {
    /// Number of cells.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Whether the cells are bins.
    pub fn is_binned(&self) -> bool {
        self.is_binned
    }

    /// Whether the parameter is ordered.
    pub fn has_ends(&self) -> bool {
        self.ends.is_some()
    }

    /// The lowest and the highest value of an ordered parameter.
    pub fn ends(&self) -> Option<[f64; 2]> {
        self.ends
    }

    /// Values that stand for the cells and the ends.
    pub fn options(&self) -> &[f64] {
        &self.options
    }
}

impl<'a> Columns<'a> {
    /// The cells of a space, with `bins` for a float and for an int of many values.
    pub fn new(space: &'a Space, bins: u64) -> Self {
        let mut columns: Vec<Column> = Vec::with_capacity(space.len());
        for parameter in space.parameters() {
            let (mut column, mut conditions) = (Column::new(parameter, bins), Vec::new());
            if let Some(condition) = parameter.condition()
                && let Some(parent) = space.index_of(&condition.parent)
            {
                let values = condition.values.iter();
                let values =
                    values.filter_map(|it| space.parameters()[parent].from_choice(it).ok());
                let values: Vec<f64> = values.collect();
                for value in &values {
                    if !columns[parent].options.contains(value) {
                        columns[parent].options.push(*value);
                    }
                }
                conditions.clone_from(&columns[parent].conditions);
                conditions.push((parent, values));
            }
            column.conditions = conditions;
            columns.push(column);
        }
        Self { space, columns }
    }

    /// The space.
    pub fn space(&self) -> &Space {
        self.space
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// A column.
    pub fn get(&self, index: usize) -> &Column {
        &self.columns[index]
    }

    /// A parameter's name.
    pub fn name(&self, index: usize) -> &str {
        self.space.parameters()[index].name()
    }

    /// The cell of a legal value.
    pub fn cell(&self, index: usize, value: f64) -> u64 {
        self.columns[index].cell(self.space.parameters()[index].domain(), value)
    }

    /// The cells of a configuration; `None` for an inactive parameter.
    pub fn cells(&self, configuration: &Configuration) -> Vec<Option<u64>> {
        let values = configuration.values().iter().enumerate();
        values.map(|(index, value)| value.map(|value| self.cell(index, value))).collect()
    }

    /// Which ends of an ordered parameter a value is at.
    pub fn at_ends(&self, index: usize, value: f64) -> [bool; 2] {
        match self.columns[index].ends {
            Some([low, high]) => {
                [low, high].map(|end| (value - end).abs() <= 1e-9 * (high - low).abs())
            }
            None => [false; 2],
        }
    }

    /// Whether one configuration can have both cells.
    pub fn is_legal(&self, one: (usize, u64), other: (usize, u64)) -> bool {
        self.allowed(one, other).is_some()
    }

    /// What each constrained parameter may be where a configuration has both cells; `None` if none
    /// can.
    pub fn allowed(
        &self,
        one: (usize, u64),
        other: (usize, u64),
    ) -> Option<Vec<(usize, Vec<f64>)>> {
        let mut allowed: Vec<(usize, Vec<f64>)> = Vec::new();
        let mut restrict = |index: usize, keep: &dyn Fn(f64) -> bool| {
            let values = match allowed.iter_mut().find(|(known, _)| *known == index) {
                Some((_, values)) => values,
                None => {
                    allowed.push((index, self.columns[index].options.clone()));
                    let last = allowed.len() - 1;
                    &mut allowed[last].1
                }
            };
            values.retain(|value| keep(*value));
            !values.is_empty()
        };
        for (index, cell) in [one, other] {
            let conditions = self.columns[index].conditions.iter();
            let mut met = conditions.map(|(parent, values)| (parent, |it| values.contains(&it)));
            if !met.all(|(parent, keep)| restrict(*parent, &keep))
                || !restrict(index, &|value| self.cell(index, value) == cell)
            {
                return None;
            }
        }
        Some(allowed)
    }

    /// A cell for people: a level, or the bounds of a bin.
    pub fn cell_text(&self, index: usize, cell: u64) -> String {
        let parameter = &self.space.parameters()[index];
        match self.columns[index].is_binned {
            true => {
                let [low, high] = self.bounds(index, cell);
                let [low, high] = [low, high].map(crate::output::short);
                format!("{low}–{high}")
            }
            false => parameter.format(parameter.domain().level(cell)),
        }
    }

    /// A cell as JSON: a level, or the bounds of a bin.
    pub fn cell_json(&self, index: usize, cell: u64) -> Value {
        let parameter = &self.space.parameters()[index];
        if self.columns[index].is_binned {
            return json!(self.bounds(index, cell));
        }
        match parameter.to_choice(parameter.domain().level(cell)) {
            Choice::Boolean(value) => value.into(),
            // Whole numbers have no fraction, so that ints look like ints.
            Choice::Number(value)
                if !matches!(parameter.domain(), Domain::Float { .. })
                    && value.fract() == 0.0
                    && value.abs() < 9.0e15 =>
            {
                (value as i64).into()
            }
            Choice::Number(value) => value.into(),
            Choice::Text(value) => value.into(),
        }
    }

    fn bounds(&self, index: usize, cell: u64) -> [f64; 2] {
        let domain = self.space.parameters()[index].domain();
        let bins = self.columns[index].cells as f64;
        [cell, cell + 1].map(|edge| domain.from_unit(edge as f64 / bins))
    }
}

impl Column {
    fn new(parameter: &Parameter, bins: u64) -> Self {
        let domain = parameter.domain();
        let is_ordered = !domain.is_categorical();
        let levels = domain.levels().filter(|levels| !is_ordered || *levels <= LEVELS);
        let ends = is_ordered.then(|| [domain.from_unit(0.0), domain.from_unit(1.0)]);
        let mut column = Self {
            cells: levels.unwrap_or(bins),
            is_binned: levels.is_none(),
            ends,
            options: Vec::new(),
            conditions: Vec::new(),
        };
        column.options = match levels {
            Some(levels) => (0..levels).map(|level| domain.level(level)).collect(),
            None => {
                let middles = (0..bins).filter_map(|bin| column.middle(domain, bin));
                ends.into_iter().flatten().chain(middles).collect()
            }
        };
        column
    }

    fn cell(&self, domain: &Domain, value: f64) -> u64 {
        match self.is_binned {
            true => ((domain.to_unit(value) * self.cells as f64) as u64).min(self.cells - 1),
            false => domain.level_of(value),
        }
    }

    /// A value about the middle of a bin, in few digits where they are legal; `None` for a bin that
    /// no value of an int falls in.
    fn middle(&self, domain: &Domain, bin: u64) -> Option<f64> {
        let values = [0.5, 0.25, 0.75, 0.01, 0.99]
            .map(|place| domain.from_unit((bin as f64 + place) / self.cells as f64));
        let value = values.into_iter().find(|value| self.cell(domain, *value) == bin)?;
        let short = format!("{value:.3e}").parse().unwrap_or(value);
        let is_fine = domain.contains(short) && self.cell(domain, short) == bin;
        Some(if is_fine { short } else { value })
    }
}
