"A parameter as the package knows it: its name, `:float`, `:int` or `:categorical`, and its choices."
struct Layout
    name::Symbol
    kind::Symbol
    choices::Vector{Any}
end

"""
    Space(; rate = (low = 1e-4, high = 1.0, log = true), units = 4:256, optimizer = ["sgd", "adam"],
          momentum = (low = 0.0, high = 0.99, when = :optimizer => ["sgd"]))
    Space(parameters::NamedTuple)

What may be tried: an ordered list of parameters.

- A `NamedTuple` with `low` and `high`, and perhaps `log`, `step`, `when` and `fidelity`, is an int where both bounds are whole numbers, else a
  float.
- A tuple `(low, high)` is short for that without options.
- A range is an int or a float with the range's step.
- A vector is a choice among its elements, without an order; `(choices = [...], when = ...)` makes it conditional.
- `when = :parent => values` makes a parameter active only while its parent, an int or a choice before it, has one of the values.
- `fidelity = true`, of one number above 0, makes it the fidelity: how much of a trial's full cost is spent on it, such as epochs.

Throws an [`OptiFormerError`](@ref), `:INVALID_SPACE` or `:INVALID_VALUE`, that names the parameter.
"""
mutable struct Space
    handle::Ptr{Cvoid}
    layout::Vector{Layout}

    function Space(parameters::NamedTuple)
        handle = handed_out((out, error) -> LibOptiFormer.optiformer_space_new(out, error))
        space = new(handle, Layout[])
        finalizer(space -> LibOptiFormer.optiformer_space_free(space.handle), space)
        for (name, parameter) in pairs(parameters)
            add_parameter!(space, name, parameter)
        end
        # Last, because a fidelity needs parameters beside it.
        for (name, parameter) in pairs(parameters)
            parameter isa NamedTuple && get(parameter, :fidelity, false) && set_fidelity!(space, name)
        end
        return space
    end
end

Space(; parameters...) = Space(values(parameters))

# A call that is given the space keeps it from the garbage collector.
Base.unsafe_convert(::Type{Ptr{Cvoid}}, space::Space) = space.handle

function add_parameter!(space::Space, name::Symbol, choices::AbstractVector)
    kind = eltype(choices)
    if choices isa AbstractRange && kind <: Integer
        return add_int!(space, name, first(choices), last(choices), false, step(choices))
    elseif choices isa AbstractRange && kind <: Real
        return add_float!(space, name, first(choices), last(choices), false, step(choices))
    end
    return add_categorical!(space, name, collect(Any, choices))
end

add_parameter!(space::Space, name::Symbol, bounds::Tuple{Real,Real}) =
    add_parameter!(space, name, (low = bounds[1], high = bounds[2]))

function add_parameter!(space::Space, name::Symbol, parameter::NamedTuple)
    known = haskey(parameter, :choices) ? (:choices, :when) : (:low, :high, :log, :step, :when, :fidelity)
    for field in keys(parameter)
        field in known || throw(invalid("parameter \"$name\" has no field $field; it has $(join(known, ", "))"))
    end
    if haskey(parameter, :choices)
        add_parameter!(space, name, collect(Any, parameter.choices))
    else
        haskey(parameter, :low) && haskey(parameter, :high) ||
            throw(invalid("parameter \"$name\": low and high are needed"))
        low, high, log = parameter.low, parameter.high, get(parameter, :log, false)
        if low isa Integer && high isa Integer
            add_int!(space, name, low, high, log, get(parameter, :step, 1))
        else
            add_float!(space, name, low, high, log, get(parameter, :step, 0.0))
        end
    end
    haskey(parameter, :when) && set_condition!(space, name, parameter.when)
    return space
end

add_parameter!(::Space, name::Symbol, other) =
    throw(invalid("parameter \"$name\" is a NamedTuple with low and high, a range or a vector of choices, not $(repr(other))"))

function add_float!(space::Space, name::Symbol, low, high, log, step)
    label = text("name", name)
    check(error -> LibOptiFormer.optiformer_space_add_float(space, label, low, high, log, step, error))
    push!(space.layout, Layout(name, :float, []))
    return space
end

function add_int!(space::Space, name::Symbol, low, high, log, step)
    step isa Integer || throw(invalid("parameter \"$name\": a step of $step is not whole"))
    label = text("name", name)
    check(error -> LibOptiFormer.optiformer_space_add_int(space, label, low, high, log, step, error))
    push!(space.layout, Layout(name, :int, []))
    return space
end

function add_categorical!(space::Space, name::Symbol, choices::Vector{Any})
    label = text("name", name)
    # Texts are kept, so that they are seen in the JSON document; anything else goes by its number.
    are_texts = all(choice -> choice isa AbstractString, choices)
    labels = [text("choice", are_texts ? choice : string(place)) for (place, choice) in enumerate(choices)]
    GC.@preserve labels begin
        pointers = Cstring[Base.unsafe_convert(Cstring, choice) for choice in labels]
        check(error -> LibOptiFormer.optiformer_space_add_categorical(space, label, pointers, length(pointers), error))
    end
    push!(space.layout, Layout(name, :categorical, choices))
    return space
end

function set_condition!(space::Space, name::Symbol, when::Pair)
    parent, values = Symbol(when.first), when.second isa AbstractVector ? when.second : [when.second]
    place = findfirst(layout -> layout.name == parent, space.layout)
    numbers = Cdouble[place === nothing ? 0.0 : number(space.layout[place], value) for value in values]
    labels = text("name", name), text("parent", parent)
    check() do error
        LibOptiFormer.optiformer_space_set_condition(space, labels[1], labels[2], numbers, length(numbers), error)
    end
    return space
end

function set_fidelity!(space::Space, name::Symbol)
    label = text("name", name)
    check(error -> LibOptiFormer.optiformer_space_set_fidelity(space, label, error))
    return space
end

"A space's document."
json(space::Space) = written() do buffer, capacity, needed, error
    LibOptiFormer.optiformer_space_to_json(space, buffer, capacity, needed, error)
end

Base.length(space::Space) = length(space.layout)
Base.keys(space::Space) = [layout.name for layout in space.layout]

"A value of a parameter as the library knows it: a choice by its place, from 0."
function number(layout::Layout, value)::Cdouble
    if layout.kind == :categorical
        # 1, 1.0 and true are equal in Julia, and may be three choices.
        place = findfirst(choice -> choice === value, layout.choices)
        place === nothing && (place = findfirst(choice -> isequal(choice, value), layout.choices))
        place === nothing &&
            throw(invalid("parameter \"$(layout.name)\" cannot be $(repr(value)); its choices are $(repr(layout.choices))"))
        return place - 1
    end
    value isa Real || throw(invalid("parameter \"$(layout.name)\" cannot be $(repr(value))"))
    return value
end

"A row of doubles as a named tuple, with `nothing` for parameters that are not active."
function named(space_layout::Vector{Layout}, row::Vector{Cdouble})
    values = map(space_layout, row) do layout, value
        isnan(value) && return nothing
        layout.kind == :categorical && return layout.choices[Int(value) + 1]
        return layout.kind == :int ? Int(value) : value
    end
    return NamedTuple{Tuple(layout.name for layout in space_layout)}(Tuple(values))
end

"The inverse; parameters may be left out, or be `nothing`, where they are not active."
function row(space_layout::Vector{Layout}, values::NamedTuple)
    for name in keys(values)
        any(layout -> layout.name == name, space_layout) ||
            throw(invalid("the space has no parameter \"$name\"; it has $(join([it.name for it in space_layout], ", "))"))
    end
    return Cdouble[
        get(values, layout.name, nothing) === nothing ? NaN : number(layout, values[layout.name]) for layout in space_layout
    ]
end
