"""
    suggest(space; history, losses, pending, count = 1, sampler = "auto", model = nothing, seed = 0, number = 0)

`count` configurations to try next, to minimize a loss: a pure function of its arguments, for callers that keep trials of their
own.

`history` and `pending` are matrices with a column for each trial and a row for each parameter: a choice by its place from 0, NaN for
a parameter that is not active. `losses` are those of the history; one that is not finite means a failed trial. `number` is that of the
trial that is asked for, from 0. Gives such a matrix, in which each suggestion takes those before it for pending.

Throws an [`OptiFormerError`](@ref), `:INVALID_VALUE`, that names array, row and parameter.
"""
function suggest(
    space::Space;
    history = zeros(length(space), 0),
    losses = Float64[],
    pending = zeros(length(space), 0),
    count = 1,
    sampler = "auto",
    model = nothing,
    seed = 0,
    number = 0,
)
    for (name, matrix) in (("history", history), ("pending", pending))
        size(matrix, 1) == length(space) ||
            throw(invalid("$name has $(size(matrix, 1)) rows for $(length(space)) parameters"))
    end
    size(history, 2) == length(losses) || throw(invalid("$(size(history, 2)) trials and $(length(losses)) losses"))
    past, waiting, values = Matrix{Cdouble}(history), Matrix{Cdouble}(pending), Vector{Cdouble}(losses)
    out, name = zeros(Cdouble, length(space), count), text("sampler", sampler)
    GC.@preserve name model begin
        options = Ref(
            LibOptiFormer.optiformer_suggest_options(
                sizeof(LibOptiFormer.optiformer_suggest_options),
                Base.unsafe_convert(Cstring, name),
                model === nothing ? C_NULL : model.handle,
                unsigned_number("seed", seed),
                unsigned_number("number", number),
                C_NULL,
            ),
        )
        check() do error
            LibOptiFormer.optiformer_suggest(
                space, options, past, values, length(values), waiting, size(waiting, 2), out, count, error,
            )
        end
    end
    return out
end
