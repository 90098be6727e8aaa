// A matrix row by row, four numbers at a time, FOURS of them a row.
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;

fn weights_of(row: u32, four: u32) -> vec4<f32> {
    return weights[row * FOURS + four];
}

fn scale_of(row: u32) -> f32 {
    return 1.0;
}
