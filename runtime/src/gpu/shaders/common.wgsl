// Parameters of a dispatch over rows, written by `batch.rs`.
struct Stage {
    // Number of rows.
    count: u32,
    // Offset in `plan` of the rows of the batch: token, position, first row of the branch, and slot of the pool.
    rows_at: u32,
    // Offset in `plan` of the list of rows of this stage.
    list_at: u32,
    // Offset in `plan` of the blocks of attention.
    blocks_at: u32,
    // The range of tokens whose logits are computed.
    first_column: u32,
    columns: u32,
    reserved_one: u32,
    reserved_two: u32,
}

@group(0) @binding(0) var<uniform> stage: Stage;
