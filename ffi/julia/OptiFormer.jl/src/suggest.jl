"""
    suggest(space; history, losses, pending, constraints, count = 1, sampler = "auto", model = nothing, seed = 0, number = 0)

`count` configurations to try next, to minimize a loss: a pure function of its arguments, for callers that keep trials of their
own.

`history` and `pending` are matrices with a column for each trial and a row for each parameter: a choice by its place from 0, NaN for
a parameter that is not active. `losses` are those of the history; one that is not finite means a failed trial. Of several
objectives they are a matrix with a column for each trial. `constraints` is such a matrix with a row for each constraint: at most 0
where it holds, NaN where it was not measured. `number` is that of the trial that is asked for, from 0. Gives a matrix like the history,
in which each suggestion takes those before it for pending.

Throws an [`OptiFormerError`](@ref), `:INVALID_VALUE`, that names array, row and parameter.
"""
function suggest(space::Space; count = 1, request...)
    out = zeros(Cdouble, length(space), count)
    with_request(space; request...) do options, past, values, waiting
        check() do error
            LibOptiFormer.optiformer_suggest(
                space, options, past, values, size(past, 2), waiting, size(waiting, 2), out, count, error,
            )
        end
    end
    return out
end

"""
The order in which to try given configurations: the places of the candidates, the most promising first, and what each is ranked by
(larger is better; NaN where the sampler has no such number).
"""
struct Ranking
    order::Vector{Int}
    ratings::Vector{Float64}
end

"""
    choose(space, candidates; history, losses, pending, constraints, sampler = "auto", model = nothing, seed = 0, number = 0) -> Ranking

Ranks given configurations, the columns of `candidates`: the rows of a table, a pool, a feasible set that no space describes. The other
arguments are those of [`suggest`](@ref). Tried candidates are ranked with the others.

Throws an [`OptiFormerError`](@ref) as [`suggest`](@ref) does; `:UNSUPPORTED` for "sobol" and "cma_es".
"""
function choose(space::Space, candidates; request...)
    check_rows("candidates", candidates, space)
    given, count = Matrix{Cdouble}(candidates), size(candidates, 2)
    order, ratings = zeros(Csize_t, count), zeros(Cdouble, count)
    with_request(space; request...) do options, past, values, waiting
        check() do error
            LibOptiFormer.optiformer_choose(
                space, options, past, values, size(past, 2), waiting, size(waiting, 2), given, count, order, ratings, error,
            )
        end
    end
    return Ranking(Int.(order) .+ 1, ratings)
end

check_rows(name, matrix, space) =
    size(matrix, 1) == length(space) ||
    throw(invalid("$name has $(size(matrix, 1)) rows for $(length(space)) parameters"))

"Calls `call` with the options as C has them, and with history, losses and pending trials."
function with_request(
    call,
    space::Space;
    history = zeros(length(space), 0),
    losses = Float64[],
    pending = zeros(length(space), 0),
    constraints = zeros(0, size(history, 2)),
    sampler = "auto",
    model = nothing,
    seed = 0,
    number = 0,
)
    check_rows("history", history, space)
    check_rows("pending", pending, space)
    objectives, told = losses isa AbstractMatrix ? size(losses) : (1, length(losses))
    size(history, 2) == told || throw(invalid("$(size(history, 2)) trials and $told losses"))
    size(history, 2) == size(constraints, 2) ||
        throw(invalid("$(size(history, 2)) trials and $(size(constraints, 2)) columns of constraints"))
    past, waiting, values = Matrix{Cdouble}(history), Matrix{Cdouble}(pending), vec(Array{Cdouble}(losses))
    limits, name = Matrix{Cdouble}(constraints), text("sampler", sampler)
    GC.@preserve name model limits begin
        options = Ref(
            LibOptiFormer.optiformer_suggest_options(
                sizeof(LibOptiFormer.optiformer_suggest_options),
                Base.unsafe_convert(Cstring, name),
                model === nothing ? C_NULL : model.handle,
                unsigned_number("seed", seed),
                unsigned_number("number", number),
                C_NULL,
                objectives,
                pointer(limits),
                size(limits, 1),
            ),
        )
        return call(options, past, values, waiting)
    end
end
