//! The grid of transformer shapes.

/// Widths, `d_model`.
const WIDTHS: [u64; 34] = [
    16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280,
    1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 16384,
];

/// Numbers of layers.
const LAYERS: [u64; 31] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 96, 112, 128,
    144, 160, 180, 192, 224, 256,
];

/// Numbers of heads, of those that divide the width into heads of 8 to 128.
const HEADS: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
const HEAD_SIZES: std::ops::RangeInclusive<u64> = 8..=128;

/// Widths of the feed-forward layer, as multiples of the width.
const MULTIPLES: [u64; 3] = [1, 2, 4];

/// Names of the fields of a shape, as logs have them.
pub const FIELDS: [&str; 5] = ["d_model", "n_layers", "n_heads", "d_ff", "params"];

/// The shape of a transformer encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Width of the model.
    pub d_model: u64,
    /// Number of layers.
    pub n_layers: u64,
    /// Number of attention heads, which has no effect on the number of parameters.
    pub n_heads: u64,
    /// Width of the feed-forward layers.
    pub d_ff: u64,
}

impl Architecture {
    /// Number of parameters with `features` input features: a linear input projection, encoder
    /// layers as in A. Vaswani et al., Attention Is All You Need (2017), with biases, a last layer
    /// norm, and one linear output.
    pub fn parameters(&self, features: u64) -> u64 {
        let Self { d_model: d, n_layers, d_ff: f, .. } = *self;
        let projection = features * d + d;
        let attention = 4 * (d * d + d);
        let feed_forward = 2 * d * f + f + d;
        let norm = 2 * d;
        projection + n_layers * (attention + feed_forward + 2 * norm) + norm + (d + 1)
    }

    /// The values of [`FIELDS`].
    pub fn fields(&self, features: u64) -> [u64; 5] {
        [self.d_model, self.n_layers, self.n_heads, self.d_ff, self.parameters(features)]
    }
}

/// All shapes with a number of parameters within 25 % of a budget, by width, layers, heads and
/// feed-forward width. A shape's index in this list is what logs have, so the list of a budget and
/// a number of features stays as it is.
pub fn within_budget(budget: u64, features: u64) -> Vec<Architecture> {
    let mut all = Vec::new();
    for d_model in WIDTHS {
        for n_layers in LAYERS {
            for n_heads in HEADS {
                if d_model % n_heads != 0 || !HEAD_SIZES.contains(&(d_model / n_heads)) {
                    continue;
                }
                for multiple in MULTIPLES {
                    let d_ff = multiple * d_model;
                    all.push(Architecture { d_model, n_layers, n_heads, d_ff });
                }
            }
        }
    }
    all.retain(|shape| {
        let four = 4 * shape.parameters(features);
        3 * budget <= four && four <= 5 * budget
    });
    all
}

/// The shape with the fewest parameters.
pub fn smallest() -> Architecture {
    Architecture { d_model: WIDTHS[0], n_layers: 1, n_heads: 1, d_ff: WIDTHS[0] }
}

/// The shape with the most parameters.
pub fn largest() -> Architecture {
    let d_model = WIDTHS[WIDTHS.len() - 1];
    let n_layers = LAYERS[LAYERS.len() - 1];
    Architecture { d_model, n_layers, n_heads: 128, d_ff: 4 * d_model }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_an_encoder() {
        // As torch.nn counts them: Linear(25, d), n TransformerEncoderLayer(d, h, f), LayerNorm(d),
        // Linear(d, 1).
        for (d_model, n_layers, n_heads, d_ff, parameters) in
            [(64, 64, 8, 128, 2_144_065), (128, 160, 8, 256, 21_200_513), (16, 1, 2, 64, 3_745)]
        {
            let shape = Architecture { d_model, n_layers, n_heads, d_ff };
            assert_eq!(shape.parameters(25), parameters);
        }
    }

    #[test]
    fn deep_shapes_are_in_the_lists() {
        let has = |budget, d_model, n_layers, n_heads, d_ff| {
            let shape = Architecture { d_model, n_layers, n_heads, d_ff };
            within_budget(budget, 25).contains(&shape)
        };
        for n_heads in [8, 4, 2] {
            assert!(has(2_000_000, 64, 64, n_heads, 128));
            assert!(has(20_000_000, 128, 160, n_heads, 256));
            assert!(has(20_000_000, 128, 180, n_heads, 256));
        }
    }

    #[test]
    fn lists_stay_as_they_are() {
        let (mut counts, mut digest) = (Vec::new(), 0xCBF2_9CE4_8422_2325_u64);
        for budget in [2e6, 20e6, 200e6, 2e9, 350e6] {
            let shapes = within_budget(budget as u64, 25);
            for value in shapes.iter().flat_map(|shape| shape.fields(25)) {
                digest = (digest ^ value).wrapping_mul(0x0000_0100_0000_01B3);
            }
            for shape in &shapes {
                let ratio = shape.parameters(25) as f64 / budget;
                assert!((0.75..=1.25).contains(&ratio), "{shape:?}");
            }
            counts.push(shapes.len());
        }
        assert_eq!((counts, digest), (vec![392, 489, 581, 455, 535], 0xD718A007413AE0B2));
    }

    #[test]
    fn budgets_beyond_every_shape_have_none() {
        for features in [1, 1000] {
            let ends = [smallest().parameters(features), largest().parameters(features)];
            assert!(within_budget(ends[0] / 2, features).is_empty());
            assert!(within_budget(2 * ends[1], features).is_empty());
            assert!(ends.iter().all(|budget| !within_budget(*budget, features).is_empty()));
        }
    }
}
