package optiformer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

func TestAPrunerEndsPoorTrials(t *testing.T) {
	path := filepath.Join(t.TempDir(), "study.jsonl")
	options := Options{Sampler: "random", Pruner: "median:startup=2"}
	study, err := OpenStudy(path, mixed(t), options)
	if err != nil {
		t.Fatal(err)
	}
	run := func(value float64) bool {
		t.Helper()
		trial, err := study.Ask()
		if err != nil {
			t.Fatal(err)
		}
		for step := uint64(1); step <= 3; step++ {
			if err := study.Report(trial.ID, step, value); err != nil {
				t.Fatal(err)
			}
			stops, err := study.ShouldStop(trial.ID)
			if err != nil {
				t.Fatal(err)
			}
			if stops {
				if err := study.TellPruned(trial.ID); err != nil {
					t.Fatal(err)
				}
				return true
			}
		}
		if err := study.Tell(trial.ID, value); err != nil {
			t.Fatal(err)
		}
		return false
	}
	if run(1) || run(2) || run(1.25) || !run(1.75) {
		t.Error("the median of 1 and 2 ends what is above 1.5, and nothing else")
	}
	if counts, err := study.Counts(); err != nil || counts != (Counts{Finished: 3, Pruned: 1}) {
		t.Error(counts, err)
	}
	if _, err := study.ShouldStop(3); !errors.Is(err, ErrAlreadyTold) {
		t.Error(err)
	}
	study.Close()
	if _, err := OpenStudy(path, mixed(t), Options{Sampler: "random", Pruner: "median"}); !errors.Is(err, ErrInvalidJournal) {
		t.Error(err)
	}
	// The rule of the file goes on.
	if study, err = OpenStudy(path, mixed(t), Options{Sampler: "random"}); err != nil || !run(1.75) {
		t.Error(err)
	}
	study.Close()
	if study, err = OpenStudy(path, nil, Options{}); err != nil || !run(1.75) {
		t.Error(err)
	}
}

func TestAnObjectiveThatIsEndedEarlyIsPruned(t *testing.T) {
	study := study(t, Options{Sampler: "random", Pruner: "median:startup=3"})
	_, err := study.OptimizeParallel(context.Background(), 20, 2, func(_ context.Context, trial Trial) (float64, error) {
		for step := uint64(1); step <= 3; step++ {
			if err := study.Report(trial.ID, step, trial.Float("x")); err != nil {
				return 0, err
			}
			if stops, err := study.ShouldStop(trial.ID); err != nil {
				return 0, err
			} else if stops {
				return 0, fmt.Errorf("step %d: %w", step, ErrPruned)
			}
		}
		return trial.Float("x"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	counts, err := study.Counts()
	if err != nil || counts.Pruned == 0 || counts.Finished < 3 || counts.Pruned+counts.Finished != 20 {
		t.Error(counts, err)
	}
}

func TestAFidelityIsRaised(t *testing.T) {
	space, err := NewSpace(Int("epochs", 1, 9).Fidelity(), Float("x", 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSpace(Int("epochs", 1, 9).Fidelity()); !errors.Is(err, ErrInvalidSpace) {
		t.Error(err)
	}
	if err := space.Add(Float("y", 0.5, 1).Fidelity()); !errors.Is(err, ErrInvalidSpace) || space.Len() != 2 {
		t.Error(err, space.Names())
	}
	study, err := NewStudy(space, Options{Sampler: "hyperband"})
	if err != nil {
		t.Fatal(err)
	}
	asked := map[uint64]Trial{}
	promotions := 0
	for number := 0; number < 12; number++ {
		trial, err := study.Ask()
		if err != nil {
			t.Fatal(err)
		}
		asked[trial.ID] = trial
		switch source, err := study.PromotedFrom(trial.ID); {
		case err == nil:
			promotions++
			if asked[source].Float("x") != trial.Float("x") || asked[source].Int("epochs") >= trial.Int("epochs") {
				t.Errorf("%v continues %v", trial, asked[source])
			}
		case !errors.Is(err, ErrNotFound):
			t.Error(err)
		}
		if err := study.Tell(trial.ID, trial.Float("x")+1/trial.Float("epochs")); err != nil {
			t.Fatal(err)
		}
	}
	if promotions == 0 || promotions == 12 {
		t.Errorf("%d of 12 trials are promotions", promotions)
	}
	if _, err := study.PromotedFrom(77); !errors.Is(err, ErrUnknownTrial) {
		t.Error(err)
	}
}
