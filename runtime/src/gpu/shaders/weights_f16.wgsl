// A matrix row by row, four numbers in two words, FOURS of them a row.
@group(0) @binding(1) var<storage, read> weights: array<vec2<u32>>;

fn weights_of(row: u32, four: u32) -> vec4<f32> {
    let packed = weights[row * FOURS + four];
    return vec4<f32>(unpack2x16float(packed.x), unpack2x16float(packed.y));
}

fn scale_of(row: u32) -> f32 {
    return 1.0;
}
