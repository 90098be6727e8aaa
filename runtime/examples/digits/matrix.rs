//! The three matrix products of a perceptron. All matrices are dense and row-major.
//!
//! Each inner loop runs along contiguous rows over independent elements, which the compiler turns
//! into vector instructions without being allowed to reorder a sum.

/// `output += left × right`: `[rows, depth] × [depth, columns] → [rows, columns]`.
pub fn multiply(left: &[f32], right: &[f32], output: &mut [f32], depth: usize) {
    let columns = right.len() / depth;
    for (left, output) in left.chunks_exact(depth).zip(output.chunks_exact_mut(columns)) {
        let (blocks, rest) = left.as_chunks::<4>();
        let split = blocks.len() * 4 * columns;
        for (factors, rows) in blocks.iter().zip(right[..split].chunks_exact(4 * columns)) {
            add_four(factors, rows, output);
        }
        for (factor, row) in rest.iter().zip(right[split..].chunks_exact(columns)) {
            add_one(*factor, row, output);
        }
    }
}

/// `output += leftᵀ × right`: `[rows, depth]ᵀ × [rows, columns] → [depth, columns]`.
pub fn multiply_left_transposed(
    left: &[f32],
    right: &[f32],
    output: &mut [f32],
    depth: usize,
    columns: usize,
) {
    let rows = left.len() / depth;
    let blocks = rows / 4;
    for block in 0..blocks {
        let left = &left[block * 4 * depth..][..4 * depth];
        let right = &right[block * 4 * columns..][..4 * columns];
        for (index, output) in output.chunks_exact_mut(columns).enumerate() {
            let factors = [
                left[index],
                left[depth + index],
                left[2 * depth + index],
                left[3 * depth + index],
            ];
            add_four(&factors, right, output);
        }
    }
    for row in blocks * 4..rows {
        let right = &right[row * columns..][..columns];
        for (index, output) in output.chunks_exact_mut(columns).enumerate() {
            add_one(left[row * depth + index], right, output);
        }
    }
}

/// `output += left × rightᵀ`: `[rows, depth] × [columns, depth]ᵀ → [rows, columns]`.
pub fn multiply_right_transposed(
    left: &[f32],
    right: &[f32],
    output: &mut [f32],
    depth: usize,
    columns: usize,
) {
    // A dot product per element would not vectorize; the transpose costs one pass over `right`.
    let mut transposed = vec![0.0; right.len()];
    for (column, row) in right.chunks_exact(depth).enumerate() {
        for (index, &value) in row.iter().enumerate() {
            transposed[index * columns + column] = value;
        }
    }
    multiply(left, &transposed, output, depth);
}

/// `output += factors · rows`, four rows at once: the output is read and written once for four.
fn add_four(factors: &[f32; 4], rows: &[f32], output: &mut [f32]) {
    if *factors == [0.0; 4] {
        return;
    }
    let columns = output.len();
    let (first, rest) = rows.split_at(columns);
    let (second, rest) = rest.split_at(columns);
    let (third, fourth) = rest.split_at(columns);
    for index in 0..columns {
        output[index] += (factors[0] * first[index] + factors[1] * second[index])
            + (factors[2] * third[index] + factors[3] * fourth[index]);
    }
}

fn add_one(factor: f32, row: &[f32], output: &mut [f32]) {
    output.iter_mut().zip(row).for_each(|(output, value)| *output += factor * value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The definition of a product, element by element, from accessors of `[row, column]`.
    fn reference(
        (rows, depth, columns): (usize, usize, usize),
        left: impl Fn(usize, usize) -> f32,
        right: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        let element = |row, column| (0..depth).map(|k| left(row, k) * right(k, column)).sum();
        (0..rows * columns).map(|index| element(index / columns, index % columns)).collect()
    }

    fn assert_close(fast: &[f32], slow: &[f32]) {
        assert_eq!(fast.len(), slow.len());
        for (fast, slow) in fast.iter().zip(slow) {
            assert!((fast - slow).abs() < 1e-5, "{fast} against {slow}");
        }
    }

    #[test]
    fn products_equal_their_definition() {
        let mut random = Random::new(1);
        for (rows, depth, columns) in [(1, 1, 1), (3, 5, 2), (4, 8, 9), (9, 6, 16), (13, 17, 3)] {
            let mut matrix = |count| (0..count).map(|_| random.unit() - 0.5).collect::<Vec<f32>>();
            let (left, right) = (matrix(rows * depth), matrix(depth * columns));

            let mut output = vec![0.0; rows * columns];
            multiply(&left, &right, &mut output, depth);
            let slow = reference(
                (rows, depth, columns),
                |row, k| left[row * depth + k],
                |k, column| right[k * columns + column],
            );
            assert_close(&output, &slow);

            // The same numbers read as [depth, rows]ᵀ and as [columns, depth]ᵀ.
            let mut output = vec![0.0; rows * columns];
            multiply_left_transposed(&left, &right, &mut output, rows, columns);
            let slow = reference(
                (rows, depth, columns),
                |row, k| left[k * rows + row],
                |k, column| right[k * columns + column],
            );
            assert_close(&output, &slow);

            let mut output = vec![0.0; rows * columns];
            multiply_right_transposed(&left, &right, &mut output, depth, columns);
            let slow = reference(
                (rows, depth, columns),
                |row, k| left[row * depth + k],
                |k, column| right[column * depth + k],
            );
            assert_close(&output, &slow);
        }
    }
}
