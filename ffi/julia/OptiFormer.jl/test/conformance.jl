# The scenarios of tests/conformance: every answer, numbers exactly.
import JSON

const FOLDER = joinpath(@__DIR__, "..", "..", "..", "..", "tests", "conformance")

scenarios(file, section) = JSON.parsefile(joinpath(FOLDER, file))[section]

# Numbers that JSON does not have are texts.
real(value) = value isa AbstractString ? parse(Float64, value) : Float64(value)
numbers(values) = Float64[value === nothing ? NaN : real(value) for value in values]
same(one, two) = isequal(numbers(one), numbers(two))

"A parameter of a document as the package takes it."
function parameter(entry)
    fields = Pair{Symbol,Any}[]
    if entry["type"] == "categorical"
        push!(fields, :choices => entry["choices"])
    else
        convert_bound = entry["type"] == "int" ? Int : Float64
        for field in ("low", "high", "step")
            haskey(entry, field) && push!(fields, Symbol(field) => convert_bound(entry[field]))
        end
        push!(fields, :log => get(entry, "log", false))
        push!(fields, :fidelity => get(entry, "fidelity", false))
    end
    haskey(entry, "when") && push!(fields, :when => Symbol(entry["when"]["parent"]) => entry["when"]["is"])
    return Symbol(entry["name"]) => (; fields...)
end

space_of(document) = Space((; map(parameter, document["parameters"])...))

"Whether `call` gives what the step wants: its error, or an answer that `matches`."
function plays(matches, call, step)
    answer = try
        call()
    catch error
        error isa OptiFormerError || rethrow()
        wanted = get(step, "error", nothing)
        return wanted !== nothing && string(error.status) == wanted["status"] && error.message == wanted["message"]
    end
    return !haskey(step, "error") && matches(answer)
end

row(study, values) = OptiFormer.row(study.layout, values)
# Floats that a document gives for ints stay as they are: what is not whole must reach the library.
free(study, values) = NamedTuple(
    layout.name => layout.kind == :categorical ? layout.choices[Int(value) + 1] : value for
    (layout, value) in zip(study.layout, numbers(values)) if !isnan(value)
)

measured(step) = (numbers(step["objectives"]), numbers(step["constraints"]))

"Whether a trial that was read back is the scenario's."
function is_same(study, found, wanted)
    reports = [[step, value] for (step, value) in found.reports]
    numbers_are = same(found.objectives, wanted["objectives"]) && same(found.constraints, wanted["constraints"])
    return found.id == wanted["id"] && string(found.state) == wanted["state"] && numbers_are && reports == wanted["reports"] &&
           same(row(study, found.values), wanted["values"])
end

function play(study, step)
    call, returns, anything = step["call"], get(step, "returns", nothing), _ -> true
    if call == "ask"
        return plays(trial -> trial.id == returns["id"] && same(row(study, trial.values), returns["values"]), () -> ask!(study), step)
    elseif call == "tell"
        return plays(anything, () -> tell!(study, step["id"], real(step["value"])), step)
    elseif call == "tell_measured"
        return plays(anything, () -> tell!(study, step["id"], measured(step)...), step)
    elseif call == "add_measured"
        return plays(==(returns), () -> add!(study, free(study, step["values"]), measured(step)...), step)
    elseif call == "tell_pruned"
        return plays(anything, () -> tell_pruned!(study, step["id"]), step)
    elseif call == "report"
        return plays(anything, () -> report!(study, step["id"], step["step"], real(step["value"])), step)
    elseif call == "should_stop"
        return plays(==(returns), () -> should_stop(study, step["id"]), step)
    elseif call == "promoted_from"
        return promoted_from(study, step["id"]) == returns
    elseif call == "front"
        return front(study) == returns
    elseif call == "violation"
        return violation(study, step["id"]) == returns
    elseif call == "trials"
        found = trials(study)
        return length(found) == length(returns) && all(is_same(study, pair...) for pair in zip(found, returns))
    elseif call == "tell_failed"
        return plays(anything, () -> tell_failed!(study, step["id"]), step)
    elseif call == "add"
        return plays(==(returns), () -> add!(study, free(study, step["values"]), real(step["value"])), step)
    elseif call == "enqueue"
        return plays(anything, () -> enqueue!(study, free(study, step["values"])), step)
    elseif call == "best"
        found = best(study)
        found === nothing && return returns === nothing
        return found.id == returns["id"] && found.value == returns["value"] && same(row(study, found.values), returns["values"])
    elseif call == "counts"
        return counts(study) == Counts(returns["finished"], returns["failed"], returns["pending"], returns["pruned"])
    elseif call == "explain"
        found = explain(study, step["id"])
        fields = ("median", "deviation", "improvement", "feasibility")
        predicted = [found.median, found.deviation, found.improvement, found.feasibility]
        texts = found.sampler == returns["sampler"] && found.origin == returns["origin"]
        return texts && same(predicted, [returns[field] for field in fields])
    end
    error("the scenarios have no call $call")
end

@testset "the studies of every language" begin
    for scenario in scenarios("studies.json", "studies")
        space = space_of(scenario["space"])
        options = (
            direction = Symbol(scenario["direction"]),
            sampler = scenario["sampler"],
            seed = parse(UInt64, scenario["seed"]),
            constraints = get(scenario, "constraints", []),
            objectives = [it["name"] => Symbol(it["direction"]) for it in get(scenario, "objectives", [])],
            pruner = get(scenario, "pruner", nothing),
        )
        made = Ref{Any}(nothing)
        @test plays(_ -> true, () -> (made[] = Study(space; options...)), scenario)
        for step in scenario["steps"]
            if step["call"] == "restore"
                made[] = restore(save(made[]), space)
            else
                @test play(made[], step)
            end
        end
    end
end

@testset "the suggestions of every language" begin
    for scenario in scenarios("suggestions.json", "suggestions")
        space = space_of(scenario["space"])
        matrix(rows) = isempty(rows) ? zeros(length(space), 0) : reduce(hcat, map(numbers, rows))
        ask() = suggest(
            space;
            history = matrix(scenario["history"]),
            losses = numbers(scenario["losses"]),
            pending = matrix(scenario["pending"]),
            count = scenario["count"],
            sampler = scenario["sampler"],
            seed = parse(UInt64, scenario["seed"]),
            number = scenario["number"],
        )
        @test plays(found -> isequal(found, matrix(scenario["returns"])), ask, scenario)
    end
end
