//! Grid search.

mod axis;
mod lattice;
mod options;

pub use options::{GridOptions, GridOrder};

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use lattice::Lattice;

use super::{Request, Sampler, Suggestion, history_cache::HistoryCache};
use crate::{
    Error, ErrorKind, Result,
    acquisition::CandidateOrigin,
    math::permutation::Permutation,
    space::{Configuration, Space},
};

/// Most points in a row of a grid's order that the space may forbid.
const MOST_FORBIDDEN: u64 = 1 << 20;

/// Grid search: every combination of evenly spaced values, each exactly once.
///
/// A suggestion is the first point, in the grid's order, that neither the history nor the pending
/// trials have. So failed and enqueued trials take no point's turn, a point that was enqueued does
/// not come again, and one that was abandoned does. What the space
/// [forbids](Space::forbid) is left out. In the end there is [`ErrorKind::Exhausted`].
///
/// A point is computed from its number, so that the size of a grid, up to 2⁶⁴ − 1 points, costs
/// neither time nor memory; the random order is a pseudo-random permutation of the numbers (a
/// Feistel network with cycle walking, Black and Rogaway 2002).
///
/// ```
/// use optiformer::samplers::{GridOptions, GridOrder, GridSampler};
/// use optiformer::space::{Parameter, Space};
/// use optiformer::study::{Direction, Outcome, Study};
/// use optiformer::ErrorKind;
///
/// let space = Space::new(vec![
///     Parameter::float("rate", 1e-4, 1.0).log(),
///     Parameter::categorical("kind", ["a", "b"]),
/// ])?;
/// let mut options = GridOptions::default();
/// (options.points, options.order) = (3, GridOrder::Given);
/// let mut study = Study::new(space, Direction::Minimize, Box::new(GridSampler::new(options)?), 0);
/// let rates = [1e-4, 0.01, 1.0];
/// for (rate, kind) in rates.into_iter().flat_map(|rate| [(rate, 0.0), (rate, 1.0)]) {
///     let trial = study.ask()?;
///     assert_eq!(trial.configuration.values(), [Some(rate), Some(kind)]);
///     study.tell(trial.id, Outcome::Value(rate))?;
/// }
/// assert_eq!(study.ask().unwrap_err().kind(), ErrorKind::Exhausted);
/// # Ok::<(), optiformer::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct GridSampler {
    options: GridOptions,
    cache: Option<Cache>,
}

/// What is kept from one request to the next.
#[derive(Debug)]
struct Cache {
    grid: Grid,
    seed: u64,
    history: HistoryCache,
    /// The place of each trial of the history, `None` for one that is no point of the grid.
    places: Vec<Option<u64>>,
    tried: Places,
}

/// A lattice in an order.
#[derive(Debug)]
struct Grid {
    lattice: Lattice,
    permutation: Option<Permutation>,
}

/// Places in a grid's order that have been tried.
#[derive(Clone, Debug, Default)]
struct Places {
    /// All places below this one have been tried.
    next: u64,
    /// Those above.
    later: BTreeSet<u64>,
}

impl GridSampler {
    /// A sampler with these options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for a grid without points.
    pub fn new(options: GridOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, cache: None })
    }

    /// Number of points that the grid has in a space, with those that the space forbids.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for more than 2⁶⁴ − 1.
    pub fn size(&self, space: &Space) -> Result<u64> {
        Ok(Lattice::new(space, self.options.points)?.total())
    }

    /// The cache of this request's space, seed and history.
    fn cache(&mut self, request: &Request<'_>) -> Result<&mut Cache> {
        let kept = self.cache.take().filter(|cache| {
            cache.seed == request.seed && cache.grid.lattice.space() == request.space
        });
        let mut cache = match kept {
            Some(cache) => cache,
            None => Cache::new(request, &self.options)?,
        };
        cache.update(request);
        Ok(self.cache.insert(cache))
    }
}

impl Sampler for GridSampler {
    fn name(&self) -> &'static str {
        "grid"
    }

    fn spec(&self) -> String {
        match self.options == GridOptions::default() {
            true => String::from(self.name()),
            false => format!("{}:{}", self.name(), self.options),
        }
    }

    /// The first point that was not tried.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exhausted`] when all were, [`ErrorKind::Unsupported`] for a grid of more than
    /// 2⁶⁴ − 1 points, and for one with a million forbidden points in a row.
    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        let Cache { grid, tried, .. } = self.cache(request)?;
        let pending: BTreeSet<u64> =
            request.pending.iter().filter_map(|pending| grid.place(pending)).collect();
        let total = grid.lattice.total();
        let (mut place, mut forbidden) = (tried.next, Vec::new());
        let mut since_permitted = 0;
        while place < total {
            if tried.later.contains(&place) || pending.contains(&place) {
                since_permitted = 0;
            } else {
                let point = grid.point(place);
                if request.space.forbidden_by(&point).is_none() {
                    // Forbidden points stay so, and need no look again.
                    forbidden.into_iter().for_each(|place| tried.insert(place));
                    return Ok(point);
                }
                forbidden.push(place);
                since_permitted += 1;
                if since_permitted > MOST_FORBIDDEN {
                    let context = format!(
                        "the space forbids more than {MOST_FORBIDDEN} points of the grid in a \
                         row; take the random order, or fewer points"
                    );
                    return Err(Error::new(ErrorKind::Unsupported, context));
                }
            }
            place += 1;
        }
        let context = match request.space.forbidden().next() {
            Some(_) => format!(
                "all points of the grid that the space permits were tried or are pending, of \
                 {total}"
            ),
            None => format!("all {total} points of the grid were tried or are pending"),
        };
        Err(Error::new(ErrorKind::Exhausted, context))
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        Ok(Suggestion::plain(self.suggest(request)?, self.name(), CandidateOrigin::Spread))
    }
}

impl Cache {
    fn new(request: &Request<'_>, options: &GridOptions) -> Result<Self> {
        let lattice = Lattice::new(request.space, options.points)?;
        let permutation = match options.order {
            GridOrder::Random => Some(Permutation::new(lattice.total(), request.seed)),
            GridOrder::Given => None,
        };
        Ok(Self {
            grid: Grid { lattice, permutation },
            seed: request.seed,
            history: HistoryCache::default(),
            places: Vec::new(),
            tried: Places::default(),
        })
    }

    /// Takes in the history.
    fn update(&mut self, request: &Request<'_>) {
        let same = self.history.sync(request.space, request.history);
        if same < self.places.len() {
            // A parallel trial was inserted before the last ones, or trials went away.
            self.places.truncate(same);
            self.tried = Places::default();
            self.places.iter().flatten().for_each(|place| self.tried.insert(*place));
        }
        for trial in &request.history[self.places.len()..] {
            let place = self.grid.place(&trial.configuration);
            place.into_iter().for_each(|place| self.tried.insert(place));
            self.places.push(place);
        }
    }
}

impl Grid {
    /// The point at a place of the order.
    fn point(&self, place: u64) -> Configuration {
        let number = self.permutation.as_ref().map_or(place, |order| order.apply(place));
        self.lattice.point(number)
    }

    /// The place of a point; `None` for a configuration that is none.
    fn place(&self, configuration: &Configuration) -> Option<u64> {
        let number = self.lattice.number(configuration)?;
        Some(self.permutation.as_ref().map_or(number, |order| order.invert(number)))
    }
}

impl Places {
    fn insert(&mut self, place: u64) {
        if place < self.next {
            return;
        }
        self.later.insert(place);
        while self.later.remove(&self.next) {
            self.next += 1;
        }
    }
}
