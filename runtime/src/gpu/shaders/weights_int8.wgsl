// A matrix row by row, four numbers in a word, FOURS of them a row; behind the ROWS rows one scale for each, as the bits of an f32.
@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weights_of(row: u32, four: u32) -> vec4<f32> {
    let packed = bitcast<i32>(weights[row * FOURS + four]);
    // The shift to the left and back extends the sign.
    return vec4<f32>((vec4<i32>(packed) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn scale_of(row: u32) -> f32 {
    return bitcast<f32>(weights[ROWS * FOURS + row]);
}
