package optiformer

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func mixed(t *testing.T) *Space {
	t.Helper()
	space, err := NewSpace(
		Float("x", -5, 5),
		Int("n", 1, 9),
		Categorical("kind", "a", "b"),
		Float("y", 1e-4, 1).Log().When("kind", "b"),
	)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

func study(t *testing.T, options Options) *Study {
	t.Helper()
	study, err := NewStudy(mixed(t), options)
	if err != nil {
		t.Fatal(err)
	}
	return study
}

func objective(_ context.Context, trial Trial) (float64, error) {
	if trial.Int("n") == 9 {
		return 0, errors.New("diverged")
	}
	return math.Pow(trial.Float("x")-1, 2) + math.Abs(float64(trial.Int("n")-4)), nil
}

func TestOneSeedGivesOneStudy(t *testing.T) {
	for _, sampler := range []string{"", "optiformer", "gp", "tpe", "cma_es", "local_search", "sobol", "random"} {
		one, two := study(t, Options{Sampler: sampler, Seed: 7}), study(t, Options{Sampler: sampler, Seed: 7})
		best, err := one.Optimize(context.Background(), 12, objective)
		if err != nil {
			t.Fatal(sampler, err)
		}
		again, err := two.Optimize(context.Background(), 12, objective)
		if err != nil || !reflect.DeepEqual(best.Parameters(), again.Parameters()) {
			t.Errorf("%s: %v and %v, %v", sampler, best.Parameters(), again.Parameters(), err)
		}
	}
}

func TestFailuresAreKeptAndAvoided(t *testing.T) {
	study := study(t, Options{Sampler: "tpe"})
	if err := study.Enqueue(map[string]any{"x": 0.0, "n": 9, "kind": "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := study.Optimize(context.Background(), 1, objective); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := study.Optimize(context.Background(), 9, objective); err != nil {
		t.Fatal(err)
	}
	counts, err := study.Counts()
	if err != nil || counts.Failed == 0 || counts.Failed+counts.Finished != 10 || counts.Pending != 0 {
		t.Fatal(counts, err)
	}
}

func TestGoroutinesShareAStudyASpaceAndAModel(t *testing.T) {
	model, err := BuiltinModel()
	if err != nil {
		t.Fatal(err)
	}
	shared := study(t, Options{Sampler: "optiformer", Model: model})
	if _, err := shared.OptimizeParallel(context.Background(), 24, 4, objective); err != nil {
		t.Fatal(err)
	}
	space := mixed(t)
	var group sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			study, err := NewStudy(space, Options{Sampler: "optiformer", Model: model})
			if err != nil {
				t.Error(err)
				return
			}
			for trials := 0; trials < 5; trials++ {
				if _, err := study.Ask(); err != nil {
					t.Error(err)
				}
			}
			if _, err := shared.Best(); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
}

func TestContextsEndStudies(t *testing.T) {
	study := study(t, Options{Sampler: "random"})
	ctx, cancel := context.WithCancel(context.Background())
	trials := 0
	_, err := study.Optimize(ctx, 100, func(ctx context.Context, trial Trial) (float64, error) {
		if trials++; trials == 3 {
			cancel()
			return 0, ctx.Err()
		}
		return objective(ctx, trial)
	})
	counts, _ := study.Counts()
	if !errors.Is(err, context.Canceled) || trials != 3 || counts.Pending != 1 {
		t.Fatal(err, trials, counts)
	}
}

func TestARunEndsWhereEverythingHasBeenTried(t *testing.T) {
	space, err := NewSpace(Int("n", 0, 9))
	if err != nil {
		t.Fatal(err)
	}
	study, err := NewStudy(space, Options{Sampler: "grid:points=4"})
	if err != nil {
		t.Fatal(err)
	}
	defer study.Close()
	best, err := study.Optimize(context.Background(), 50, func(_ context.Context, trial Trial) (float64, error) {
		return float64(trial.Int("n")), nil
	})
	if err != nil || best.Value != 0 {
		t.Fatalf("%v %v", best, err)
	}
	if counts, err := study.Counts(); err != nil || counts.Finished != 4 {
		t.Fatalf("%v %v", counts, err)
	}
	var results struct {
		Score float64 `json:"best_score"`
		All   []any   `json:"all_results"`
	}
	document, err := study.Results()
	if err != nil || json.Unmarshal(document, &results) != nil || results.Score != 0 || len(results.All) != 4 {
		t.Fatalf("%s %v", document, err)
	}
}

func TestPanicsOfTheObjectiveAreTheCallers(t *testing.T) {
	study := study(t, Options{Sampler: "random"})
	for name, read := range map[string]func(Trial){
		"no parameter \"z\"": func(trial Trial) { trial.Active("z") },
		"is a choice":        func(trial Trial) { trial.Float("kind") },
		"is no int":          func(trial Trial) { trial.Int("x") },
	} {
		_, err := study.Optimize(context.Background(), 1, func(_ context.Context, trial Trial) (float64, error) {
			read(trial)
			return 0, nil
		})
		if !errors.Is(err, ErrInvalidValue) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	study := study(t, Options{Sampler: "random"})
	space := mixed(t)
	model, err := BuiltinModel()
	if err != nil {
		t.Fatal(err)
	}
	trial, err := study.Ask()
	if err != nil {
		t.Fatal(err)
	}
	told := study.Tell(trial.ID, 1)
	first := func(_ any, err error) error { return err }
	for name, check := range map[string]struct {
		err, sentinel error
		message       string
	}{
		"told":          {told, nil, ""},
		"twice":         {study.Tell(trial.ID, 1), ErrAlreadyTold, "trial 0"},
		"unknown":       {study.TellFailed(7), ErrUnknownTrial, "trial 7"},
		"misspelt":      {study.Enqueue(map[string]any{"x": 0.0, "m": 1}), ErrInvalidValue, `no parameter "m"; it has x, n`},
		"choice":        {study.Enqueue(map[string]any{"kind": "c"}), ErrInvalidValue, `"a", "b"`},
		"type":          {study.Enqueue(map[string]any{"x": "1"}), ErrInvalidValue, `"x" cannot be "1"`},
		"missing":       {first(study.Add(map[string]any{"x": 0.5}, 1)), ErrInvalidValue, `"n" is active`},
		"explained":     {first(study.Explain(trial.ID)), ErrNotFound, "pending"},
		"sampler":       {first(NewStudy(space, Options{Sampler: "tpo"})), ErrInvalidValue, `"tpo"`},
		"model":         {first(NewStudy(space, Options{Sampler: "tpe", Model: model})), ErrInvalidValue, "no use for a model"},
		"duplicate":     {space.Add(Float("x", 0, 1)), ErrInvalidSpace, `"x"`},
		"step":          {space.Add(Int("m", 0, 4).Step(0.5)), ErrInvalidValue, "not whole"},
		"condition":     {space.Add(Float("z", 0, 1).When("kind", "c")), ErrInvalidValue, "choices"},
		"parent":        {space.Add(Float("z", 0, 1).When("kin", "a")), ErrInvalidValue, `"kin"`},
		"pruner":        {first(NewStudy(space, Options{Pruner: "medium"})), ErrInvalidValue, `no "medium"`},
		"fidelity":      {space.Add(Float("z", 0, 1).Fidelity()), ErrInvalidSpace, `"z": a fidelity needs low above zero`},
		"nul":           {space.Add(Float("z\x00", 0, 1)), ErrInvalidValue, "NUL"},
		"empty":         {first(NewStudy(empty(t), Options{})), ErrInvalidSpace, "no parameters"},
		"document":      {first(SpaceFromJSON("{")), ErrInvalidSpace, "line 1"},
		"path":          {first(OpenModel("no/such/file")), ErrIO, "no/such/file"},
		"weights":       {first(ModelFromBytes([]byte("garbage"))), ErrInvalidWeights, "byte"},
		"row":           {first(Suggest(space, Request{Pending: [][]float64{{1}}}, 1)), ErrInvalidValue, "pending, row 0"},
		"losses":        {first(Suggest(space, Request{Losses: []float64{1}}, 1)), ErrInvalidValue, "0 trials and 1 losses"},
		"trials":        {first(study.Optimize(context.Background(), -1, objective)), ErrInvalidValue, "-1 trials"},
		"out of bounds": {study.Enqueue(map[string]any{"x": 6.0, "n": 1, "kind": "a"}), ErrInvalidValue, `"x": 6`},
	} {
		if !errors.Is(check.err, check.sentinel) || check.err != nil && !strings.Contains(check.err.Error(), check.message) {
			t.Errorf("%s: %v, not %v with %s", name, check.err, check.sentinel, check.message)
		}
	}
	if space.Len() != 4 {
		t.Errorf("a refused parameter is in the space: %v", space.Names())
	}
}

func empty(t *testing.T) *Space {
	t.Helper()
	space, err := NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	return space
}

func TestParametersAreAddedWithTheirConditions(t *testing.T) {
	space := mixed(t)
	if err := space.Add(Int("depth", 1, 5).When("kind", "a")); err != nil {
		t.Fatal(err)
	}
	document, err := space.JSON()
	if err != nil || !strings.Contains(document, `"when":{"parent":"kind","is":["a"]}`) || space.Len() != 5 {
		t.Fatal(document, err)
	}
	read, err := SpaceFromJSON(document)
	if err != nil || !reflect.DeepEqual(read.Names(), space.Names()) {
		t.Fatal(err)
	}
}

func TestWeightsAreReadFromFilesAndBytes(t *testing.T) {
	path := filepath.Join("..", "..", "runtime", "weights", "pico.safetensors")
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := OpenModel(path)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := ModelFromBytes(bytes)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(model *Model) map[string]any {
		trial, err := study(t, Options{Sampler: "optiformer", Model: model}).Ask()
		if err != nil {
			t.Fatal(err)
		}
		return trial.Parameters()
	}
	if one, two := ask(opened), ask(copied); !reflect.DeepEqual(one, two) || !reflect.DeepEqual(one, ask(nil)) {
		t.Fatal(one, two)
	}
}

func TestClosedValuesSaySo(t *testing.T) {
	space, study := mixed(t), study(t, Options{})
	model, err := BuiltinModel()
	if err != nil {
		t.Fatal(err)
	}
	for range [2]int{} {
		space.Close()
		study.Close()
		model.Close()
	}
	_, asked := study.Ask()
	_, made := NewStudy(space, Options{})
	_, modeled := NewStudy(mixed(t), Options{Model: model})
	for _, err := range []error{asked, made, modeled, space.Add(Float("z", 0, 1))} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestTheCollectorFreesWhatNobodyUses(t *testing.T) {
	for round := 0; round < 200; round++ {
		if _, err := study(t, Options{Sampler: "random"}).Ask(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
}

func TestConstraintsAndSeveralObjectives(t *testing.T) {
	options := Options{Sampler: "random", Seed: 3, Constraints: []string{"size"}}
	options.Objectives = []NamedObjective{{Name: "error"}, {Name: "speed", Maximize: true}}
	study := study(t, options)
	for number := 0; number < 4; number++ {
		trial, err := study.Ask()
		if err != nil {
			t.Fatal(err)
		}
		measured := Measurement{[]float64{float64(number % 3), float64(number)}, []float64{float64(number - 2)}}
		if err := study.TellMeasured(trial.ID, measured); err != nil {
			t.Fatal(err)
		}
	}
	if front, err := study.Front(); err != nil || !reflect.DeepEqual(front, []uint64{0, 1, 2}) {
		t.Error(front, err)
	}
	if violation, err := study.Violation(3); err != nil || violation != 1 {
		t.Error(violation, err)
	}
	if _, err := study.Best(); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := study.Tell(9, 1); !errors.Is(err, ErrUnknownTrial) {
		t.Error(err)
	}
	if _, err := NewStudy(mixed(t), Options{Constraints: []string{"a", "a"}}); !errors.Is(err, ErrInvalidValue) {
		t.Error(err)
	}
	if _, err := NewStudy(mixed(t), Options{Constraints: []string{"a\x00"}}); !errors.Is(err, ErrInvalidValue) {
		t.Error(err)
	}
}

func TestAStudyOutlivesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "study.jsonl")
	options := Options{Sampler: "random", Seed: 3, Constraints: []string{"size"}}
	study, err := OpenStudy(path, mixed(t), options)
	if err != nil {
		t.Fatal(err)
	}
	one, err := study.Ask()
	if err != nil {
		t.Fatal(err)
	}
	two, err := study.Ask()
	if err != nil {
		t.Fatal(err)
	}
	if err := study.Report(one.ID, 4, 0.5); err != nil {
		t.Fatal(err)
	}
	if err := study.TellMeasured(one.ID, Measurement{[]float64{1.5}, []float64{-1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStudy(path, nil, Options{}); !errors.Is(err, ErrIO) {
		t.Error(err)
	}
	study.Close()
	if _, err := OpenStudy(path, mixed(t), Options{Sampler: "random", Seed: 3}); !errors.Is(err, ErrInvalidJournal) {
		t.Error(err)
	}
	again, err := OpenStudy(path, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// What was pending comes first.
	next, err := again.Ask()
	if err != nil || next.ID != two.ID || !reflect.DeepEqual(next.Parameters(), two.Parameters()) {
		t.Error(next, two, err)
	}
	trials, err := again.Trials()
	if err != nil || len(trials) != 2 || trials[0].State != Finished || trials[1].State != Pending {
		t.Fatal(trials, err)
	}
	if trials[0].Objectives[0] != 1.5 || trials[0].Constraints[0] != -1 || trials[0].Reports[0] != (Report{4, 0.5}) {
		t.Error(trials[0])
	}
	if !math.IsNaN(trials[1].Objectives[0]) || trials[0].Float("x") != one.Float("x") {
		t.Error(trials)
	}
	saved, err := again.Save()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := RestoreStudy(saved, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := restored.OfferPending(); err != nil {
		t.Error(err)
	}
	if offered, err := restored.Ask(); err != nil || offered.ID != two.ID {
		t.Error(offered, err)
	}
	if err := restored.Abandon(two.ID); err != nil {
		t.Error(err)
	}
	if err := restored.TellPruned(two.ID); !errors.Is(err, ErrUnknownTrial) {
		t.Error(err)
	}
	if _, err := RestoreStudy("nothing", nil); !errors.Is(err, ErrInvalidJournal) {
		t.Error(err)
	}
}

func TestGivenCandidatesAreRanked(t *testing.T) {
	space, err := NewSpace(Float("x", 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	request := Request{Sampler: "tpe", Number: 20}
	for number := 0; number < 20; number++ {
		x := float64(number) / 20
		request.History = append(request.History, []float64{x})
		request.Losses = append(request.Losses, math.Abs(x-0.3), math.Abs(x-0.4))
		request.Constraints = append(request.Constraints, []float64{x - 0.9})
	}
	request.Objectives = 2
	ranking, err := Choose(space, request, [][]float64{{0.95}, {0.33}, {0.6}})
	if err != nil || ranking.Order[0] != 1 || len(ranking.Ratings) != 3 {
		t.Error(ranking, err)
	}
	if rows, err := Suggest(space, request, 2); err != nil || len(rows) != 2 || len(rows[0]) != 1 {
		t.Error(rows, err)
	}
	if _, err := Choose(space, request, [][]float64{{0.95, 1}}); !errors.Is(err, ErrInvalidValue) {
		t.Error(err)
	}
	if _, err := Choose(space, request, nil); !errors.Is(err, ErrInvalidValue) {
		t.Error(err)
	}
	request.Constraints = request.Constraints[1:]
	if _, err := Suggest(space, request, 1); !errors.Is(err, ErrInvalidValue) {
		t.Error(err)
	}
	request.Sampler, request.Constraints = "sobol", nil
	if _, err := Choose(space, request, [][]float64{{0.95}}); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}
