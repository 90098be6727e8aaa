//! How fast training is, by the standard of what the device can do.

use std::time::{Duration, Instant};

use optiformer::model::Config;
use tch::{Cuda, Device, Kind, Tensor};

/// For so long products are timed.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

/// The device's rate of matrix products in `kind`, in operations a second: the best of repeated
/// square products, of 1024 rows on a CPU and of 8192 elsewhere.
pub fn matmul_rate(device: Device, kind: Kind) -> f64 {
    let side: i64 = if device == Device::Cpu { 1024 } else { 8192 };
    let matrix = || Tensor::ones([side, side], (kind, device));
    let (left, right) = (matrix(), matrix());
    let wait = || {
        if let Device::Cuda(index) = device {
            Cuda::synchronize(index as i64);
        }
    };
    let seconds = || {
        wait();
        let started = Instant::now();
        let _product = left.matmul(&right);
        wait();
        started.elapsed().as_secs_f64()
    };
    // The first product also sets things up.
    seconds();
    let (started, mut least) = (Instant::now(), f64::INFINITY);
    while started.elapsed() < LONG_ENOUGH {
        least = least.min(seconds());
    }
    2.0 * (side as f64).powi(3) / least
}

/// Operations that training on a token takes in the layers' matrices: two for each weight forward,
/// four backward (Kaplan et al. 2020). Attention, embeddings and the output are left out, so that a
/// share of the matmul rate is a lower bound.
pub fn operations(config: &Config) -> f64 {
    let (hidden, feed_forward) = (config.hidden_size as f64, config.feed_forward_size as f64);
    6.0 * config.layers as f64 * (4.0 * hidden * hidden + 3.0 * hidden * feed_forward)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_takes_six_operations_a_weight() {
        let config = Config::pico();
        let weights = 4.0 * (4.0 * 128.0 * 128.0 + 3.0 * 128.0 * 512.0);
        assert_eq!(operations(&config), 6.0 * weights);
    }

    #[test]
    fn a_device_multiplies() {
        let rate = matmul_rate(Device::Cpu, Kind::Float);
        assert!(rate.is_finite() && rate > 1e6, "{rate}");
    }
}
