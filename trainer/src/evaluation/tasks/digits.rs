//! Models that are trained on handwritten digits, each trial for a fraction of a second.

use std::{io::Read, path::Path, sync::Arc};

use flate2::read::GzDecoder;
use optiformer::{
    Result,
    space::{Configuration, Parameter, Space},
};

use super::{
    directory, malformed, missing, read,
    training::{Digits, Mlp, MlpOptimizer, RandomFeatures, Regression},
};
use crate::problem::Problem;

const SOURCE: &str = "https://ossci-datasets.s3.amazonaws.com/mnist/ or another mirror of MNIST";

/// Images that models are trained on, and others that they are judged on.
const TRAINING: usize = 2000;
const VALIDATION: usize = 2000;

/// The digit tasks: a multilayer perceptron, softmax regression, and a ridge classifier on random
/// features.
///
/// The files are MNIST's, in `DATA/mnist`, as they are or compressed: the training images where
/// they are there, else the test images. The first 2000 train, the next 2000 judge.
///
/// # Errors
///
/// [`ErrorKind::Io`](optiformer::ErrorKind::Io) for files that are missing,
/// [`ErrorKind::InvalidValue`](optiformer::ErrorKind::InvalidValue) for ones that are not MNIST's.
pub fn problems(data: Option<&Path>) -> Result<Vec<Problem>> {
    let folder = directory("digits", data)?.join("mnist");
    let digits = Arc::new(load(&folder)?);
    // Tasks run beside each other; their matrices are too small for more threads.
    tch::set_num_threads(1);
    let make = |name: &str,
                parameters: Vec<Parameter>,
                error: fn(&Digits, &Values<'_>) -> f64|
     -> Result<Problem> {
        let (digits, space) = (Arc::clone(&digits), Space::new(parameters)?);
        let searched = space.clone();
        Ok(Problem {
            name: String::from(name),
            space,
            objective: Arc::new(move |configuration| {
                let value = error(&digits, &Values { space: &searched, configuration });
                value.is_finite().then_some(value)
            }),
            optimum: None,
        })
    };
    Ok(vec![
        // The search space of the project's guide.
        make(
            "mnist-mlp",
            vec![
                Parameter::int("hidden_size", 32, 512),
                Parameter::int("num_layers", 1, 4),
                Parameter::float("learning_rate", 1e-5, 1e-1).log(),
                Parameter::float("dropout", 0.0, 0.5),
                Parameter::int("batch_size", 32, 256),
                Parameter::categorical("optimizer", ["adam", "sgd"]),
            ],
            perceptron,
        )?,
        make(
            "digits-regression",
            vec![
                Parameter::categorical("pooling", ["none", "2", "4"]),
                Parameter::float("learning_rate", 1e-4, 1e1).log(),
                Parameter::float("momentum", 0.0, 0.99),
                Parameter::float("decay", 1e-6, 1e-1).log(),
                Parameter::int("batch_size", 8, 256).log(),
                Parameter::int("epochs", 1, 8),
            ],
            regression,
        )?,
        make(
            "digits-features",
            vec![
                Parameter::int("features", 16, 512).log(),
                Parameter::float("scale", 1e-3, 1e1).log(),
                Parameter::float("ridge", 1e-6, 1e3).log(),
                Parameter::categorical("activation", ["cosine", "relu", "tanh", "step"]),
                Parameter::categorical("pooling", ["none", "2", "4"]),
            ],
            features,
        )?,
    ])
}

/// A configuration's values by name.
struct Values<'a> {
    space: &'a Space,
    configuration: &'a Configuration,
}

impl Values<'_> {
    fn number(&self, name: &str) -> f64 {
        let index = self.space.index_of(name).expect("a parameter of the task");
        self.configuration.get(index).expect("the tasks have no conditions")
    }

    fn count(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    /// The side of the squares that are averaged.
    fn pooling(&self) -> usize {
        [1, 2, 4][self.count("pooling")]
    }
}

fn perceptron(digits: &Digits, values: &Values<'_>) -> f64 {
    let network = Mlp {
        hidden: values.count("hidden_size"),
        layers: values.count("num_layers"),
        rate: values.number("learning_rate"),
        dropout: values.number("dropout"),
        batch: values.count("batch_size"),
        optimizer: if values.count("optimizer") == 0 {
            MlpOptimizer::Adam
        } else {
            MlpOptimizer::Sgd
        },
    };
    network.error(digits)
}

fn regression(digits: &Digits, values: &Values<'_>) -> f64 {
    let regression = Regression {
        rate: values.number("learning_rate"),
        momentum: values.number("momentum"),
        decay: values.number("decay"),
        batch: values.count("batch_size"),
        epochs: values.count("epochs"),
    };
    regression.error(&digits.pooled(values.pooling()))
}

fn features(digits: &Digits, values: &Values<'_>) -> f64 {
    let features = RandomFeatures {
        count: values.count("features"),
        scale: values.number("scale"),
        ridge: values.number("ridge"),
        activation: values.count("activation"),
    };
    features.error(&digits.pooled(values.pooling()))
}

/// The first images and labels of the training files, or of the test files where those are missing.
fn load(folder: &Path) -> Result<Digits> {
    let found = |name: &str| {
        let plain = folder.join(name);
        let packed = folder.join(format!("{name}.gz"));
        if packed.exists() && !plain.exists() { packed } else { plain }
    };
    let mut images = found("train-images-idx3-ubyte");
    let mut labels = found("train-labels-idx1-ubyte");
    if !images.exists() {
        images = found("t10k-images-idx3-ubyte");
        labels = found("t10k-labels-idx1-ubyte");
    }
    if !images.exists() || !labels.exists() {
        let wanted = "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (as they are or .gz), or train- of both";
        return Err(missing(folder, wanted, SOURCE));
    }
    let count = TRAINING + VALIDATION;
    let pixels = idx(&images, &[28, 28], count)?;
    let classes = idx(&labels, &[], count)?;
    if let Some(wrong) = classes.iter().find(|class| **class > 9) {
        return Err(malformed(&labels, format!("{wrong} is not a digit")));
    }
    Ok(Digits::new(28, &pixels, &classes, TRAINING))
}

/// The first `count` items, of this shape, of a file in MNIST's format.
fn idx(path: &Path, shape: &[u32], count: usize) -> Result<Vec<u8>> {
    let mut bytes = read(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let packed = std::mem::take(&mut bytes);
        GzDecoder::new(packed.as_slice())
            .read_to_end(&mut bytes)
            .map_err(|error| malformed(path, error))?;
    }
    let word = |index: usize| {
        let bytes = bytes.get(4 * index..4 * index + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    // Unsigned bytes, and the number of dimensions.
    if word(0) != Some(0x0800 + 1 + shape.len() as u32) {
        return Err(malformed(path, "byte offset 0: not a file of MNIST"));
    }
    for (index, wanted) in shape.iter().enumerate() {
        if word(2 + index) != Some(*wanted) {
            let what = format!("byte offset {}: {wanted} is wanted here", 8 + 4 * index);
            return Err(malformed(path, what));
        }
    }
    let size = count * shape.iter().product::<u32>() as usize;
    let begin = 8 + 4 * shape.len();
    bytes.get(begin..begin + size).map(<[u8]>::to_vec).ok_or_else(|| {
        malformed(path, format!("{} bytes, where {} are needed", bytes.len(), begin + size))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Files with digits that differ in where they are bright.
    fn write_digits(name: &str) -> std::path::PathBuf {
        let data = std::env::temp_dir().join(format!("optiformer-{name}-{}", std::process::id()));
        fs::create_dir_all(data.join("mnist")).unwrap();
        let count = TRAINING + VALIDATION;
        let mut images: Vec<u8> =
            [0x0803, count as u32, 28, 28].iter().flat_map(|n| n.to_be_bytes()).collect();
        let mut labels: Vec<u8> =
            [0x0801, count as u32].iter().flat_map(|n| n.to_be_bytes()).collect();
        for index in 0..count {
            let class = (index * 7) % 10;
            labels.push(class as u8);
            images.extend((0..784).map(|pixel| {
                let bright = pixel / 28 / 3 == class;
                ((index * 31 + pixel * 17) % 64) as u8 + if bright { 120 } else { 0 }
            }));
        }
        fs::write(data.join("mnist/t10k-images-idx3-ubyte"), images).unwrap();
        fs::write(data.join("mnist/t10k-labels-idx1-ubyte"), labels).unwrap();
        data
    }

    #[test]
    fn models_learn_what_can_be_learned_and_answer_the_same_again() {
        let data = write_digits("learn");
        let problems = problems(Some(&data)).unwrap();
        let good = [
            r#"{"hidden_size":64,"num_layers":1,"learning_rate":0.003,"dropout":0.1,"batch_size":64,"optimizer":"adam"}"#,
            r#"{"pooling":"2","learning_rate":0.1,"momentum":0.5,"decay":1e-5,"batch_size":32,"epochs":2}"#,
            r#"{"features":128,"scale":0.1,"ridge":0.1,"activation":"cosine","pooling":"2"}"#,
        ];
        let bad = [
            r#"{"hidden_size":32,"num_layers":4,"learning_rate":1e-5,"dropout":0.5,"batch_size":256,"optimizer":"sgd"}"#,
            r#"{"pooling":"4","learning_rate":1e-4,"momentum":0,"decay":0.1,"batch_size":256,"epochs":1}"#,
            r#"{"features":16,"scale":10,"ridge":1000,"activation":"cosine","pooling":"none"}"#,
        ];
        for (problem, (good, bad)) in problems.iter().zip(good.iter().zip(bad)) {
            let error = |text: &str| {
                let values = serde_json::from_str(text).unwrap();
                let configuration = problem.space.configuration_from_json(&values).unwrap();
                (problem.objective)(&configuration).unwrap()
            };
            let (good, again, bad) = (error(good), error(good), error(bad));
            assert!(good < 0.05 && good < bad - 0.1, "{}: {good} {bad}", problem.name);
            assert_eq!(good, again, "{}", problem.name);
        }
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn what_is_no_digits_is_an_error() {
        let data = write_digits("broken");
        let path = data.join("mnist/t10k-labels-idx1-ubyte");
        let whole = fs::read(&path).unwrap();
        for (bytes, expected) in [
            (&whole[..100], "100 bytes, where 4008"),
            (&whole[1..], "byte offset 0"),
            (&[&whole[..8], &[11; 4000]].concat(), "11 is not a digit"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = problems(Some(&data)).err().unwrap().to_string();
            assert!(error.contains(expected) && error.contains("labels"), "{error}");
        }
        fs::remove_dir_all(&data).unwrap();
        let error = problems(Some(&data)).err().unwrap().to_string();
        assert!(error.contains("t10k-images"), "{error}");
    }
}
