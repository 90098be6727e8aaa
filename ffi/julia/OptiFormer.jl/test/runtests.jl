using OptiFormer
using Test

include("conformance.jl")

const SPACE = Space(
    x = (-5.0, 5.0),
    n = 1:9,
    kind = ["a", "b"],
    rate = (low = 1e-4, high = 1.0, log = true, when = :kind => ["b"]),
)
loss(values) = (values.x - 1)^2 + abs(values.n - 4)

refused(call, status, part) =
    try
        call()
        false
    catch error
        error isa OptiFormerError && error.status == status && occursin(part, error.message)
    end

@testset "every sampler makes the same study of one seed" begin
    for sampler in ("auto", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol", "random")
        one = optimize(loss, SPACE; trials = 12, sampler = sampler, seed = 7)
        two = optimize(loss, SPACE; trials = 12, sampler = sampler, seed = 7)
        @test one.value == two.value && isequal(one.values, two.values)
    end
end

@testset "failures are kept, and conditions known" begin
    study = Study(SPACE; sampler = "tpe", direction = :maximize)
    for number in 1:10
        trial = ask!(study)
        @test (trial.values.rate === nothing) == (trial.values.kind == "a")
        tell!(study, trial, number == 3 ? nothing : number == 4 ? Inf : loss(trial.values))
    end
    @test counts(study) == Counts(8, 2, 0, 0)
end

@testset "bad input is refused, and all stays as it was" begin
    study = Study(SPACE; sampler = "random")
    trial = ask!(study)
    tell!(study, trial, 1.0)
    @test refused(() -> tell!(study, trial, 2.0), :ALREADY_TOLD, "trial 0")
    @test refused(() -> tell_failed!(study, 9), :UNKNOWN_TRIAL, "trial 9")
    @test refused(() -> explain(study, trial), :NOT_FOUND, "pending")
    @test refused(() -> enqueue!(study, (m = 1,)), :INVALID_VALUE, "no parameter \"m\"")
    @test refused(() -> enqueue!(study, (x = 0.0, n = 1, kind = "c")), :INVALID_VALUE, "choices")
    @test refused(() -> add!(study, (x = 6.0, n = 1, kind = "a"), 1.0), :INVALID_VALUE, "\"x\": 6")
    @test refused(() -> Space(x = (1.0, 0.0)), :INVALID_SPACE, "\"x\"")
    @test refused(() -> Space(x = (low = 0.0, hihg = 1.0)), :INVALID_VALUE, "hihg")
    @test refused(() -> Space(x = "y"), :INVALID_VALUE, "\"x\"")
    @test refused(() -> Study(SPACE; sampler = "tpo"), :INVALID_VALUE, "\"tpo\"")
    @test refused(() -> Study(SPACE; pruner = "medium"), :INVALID_VALUE, "no \"medium\"")
    @test refused(() -> Study(SPACE; seed = -1), :INVALID_VALUE, "seed")
    @test refused(() -> Study(SPACE; sampler = "tpe", model = Model()), :INVALID_VALUE, "no use for a model")
    @test refused(() -> Model(UInt8[1, 2, 3]), :INVALID_WEIGHTS, "byte")
    @test counts(study) == Counts(1, 0, 0, 0)
end

@testset "a pruner ends poor trials" begin
    study = Study(SPACE; sampler = "random", pruner = "median:startup=2")
    function stops(value)
        trial = ask!(study)
        report!(study, trial, 1, value)
        should_stop(study, trial) || (tell!(study, trial, value); return false)
        tell_pruned!(study, trial)
        return true
    end
    # The median of 1 and 2 is 1.5.
    @test map(stops, [1.0, 2.0, 1.25, 1.75]) == [false, false, false, true]
    @test counts(study) == Counts(3, 0, 0, 1)
    @test refused(() -> should_stop(study, 3), :ALREADY_TOLD, "trial 3")
end

@testset "a fidelity is raised" begin
    space = Space(epochs = (low = 1, high = 9, fidelity = true), x = (0.0, 1.0))
    study, asked, promotions = Study(space; sampler = "hyperband"), [], 0
    for _ in 1:12
        trial = ask!(study)
        push!(asked, trial.values)
        source = promoted_from(study, trial)
        if source !== nothing
            promotions += 1
            @test asked[source + 1].x == trial.values.x && asked[source + 1].epochs < trial.values.epochs
        end
        tell!(study, trial, trial.values.x + 1 / trial.values.epochs)
    end
    @test 0 < promotions < 12
    @test refused(() -> promoted_from(study, 77), :UNKNOWN_TRIAL, "trial 77")
    @test refused(() -> Space(epochs = (low = 1, high = 9, fidelity = true)), :INVALID_SPACE, "beside it")
end
