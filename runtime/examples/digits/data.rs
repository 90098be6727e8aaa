//! The 8×8 optical digits, embedded in the program.

/// Pixels of an image.
pub const PIXELS: usize = 64;
/// The digits 0 to 9.
pub const CLASSES: usize = 10;
/// The first images train; the rest, mostly from writers whose hand was never seen in training,
/// validate.
const TRAINING_IMAGES: usize = 1197;

/// Images with their labels.
pub struct Images {
    /// `[count, PIXELS]`, standardized with the mean and deviation of the whole data set.
    pub pixels: Vec<f32>,
    /// `[count]`, each below [`CLASSES`].
    pub labels: Vec<usize>,
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }
}

/// The training and the validation images, always the same.
pub fn load() -> (Images, Images) {
    let mut all = parse(include_str!("digits.txt"));
    let validation = Images {
        pixels: all.pixels.split_off(TRAINING_IMAGES * PIXELS),
        labels: all.labels.split_off(TRAINING_IMAGES),
    };
    (all, validation)
}

/// Reads the text form that the head of `digits.txt` explains. The text is part of the program, so
/// a broken line is a bug and panics.
fn parse(text: &str) -> Images {
    let mut images = Images { pixels: Vec::new(), labels: Vec::new() };
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (label, pixels) = line.split_once(' ').expect("a label, a space and the pixels");
        assert_eq!(pixels.len(), PIXELS, "an image has {PIXELS} pixels");
        images.labels.push(label.parse().expect("a label is a digit"));
        images.pixels.extend(pixels.chars().map(|digit| {
            let ink = digit.to_digit(17).expect("a pixel is a base-17 digit");
            (ink as f32 - 4.884) / 6.017
        }));
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_images_are_there_and_standardized() {
        let (training, validation) = load();
        assert_eq!((training.len(), validation.len()), (1197, 600));
        assert_eq!(training.pixels.len(), 1197 * PIXELS);
        assert_eq!(training.labels[..5], [0, 1, 2, 3, 4]);
        let all =
            || training.pixels.iter().chain(&validation.pixels).map(|&pixel| f64::from(pixel));
        let count = all().count() as f64;
        let mean = all().sum::<f64>() / count;
        let variance = all().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 1e-3, "mean {mean}");
        assert!((variance - 1.0).abs() < 1e-3, "variance {variance}");
        for class in 0..CLASSES {
            let count = validation.labels.iter().filter(|&&label| label == class).count();
            assert!(count >= 50, "only {count} validation images of digit {class}");
        }
    }
}
