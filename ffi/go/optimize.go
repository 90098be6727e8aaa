package optiformer

import (
	"context"
	"errors"
	"sync"
)

// ErrPruned is what an objective returns of a trial that it ended early.
var ErrPruned = errors.New("the trial was ended early")

// An Objective is the function to be minimized or maximized. An error means that the trial failed,
// which the sampler learns to avoid; it does not end the study. [ErrPruned] means that it was ended
// early, as [Study.ShouldStop] said after a [Study.Report].
type Objective func(ctx context.Context, trial Trial) (float64, error)

// Optimize runs trials more trials, one after the other, and gives the best of the study.
//
// It ends early where everything has been tried. When ctx ends, the study does: what had finished
// stays, and the error is that of ctx. A name that the objective misspells ends it with the
// [*Error] that [Trial.Float] and its like panic with. Without any finished trial the error is
// [ErrNotFound].
func (s *Study) Optimize(ctx context.Context, trials int, objective Objective) (Best, error) {
	return s.OptimizeParallel(ctx, trials, 1, objective)
}

// OptimizeParallel is Optimize with up to workers trials at a time, each in a goroutine of its own.
// With one worker the same seed gives the same study; with more, the order in which trials finish
// matters.
func (s *Study) OptimizeParallel(ctx context.Context, trials, workers int, objective Objective) (Best, error) {
	if workers < 1 || trials < 0 {
		return Best{}, invalid("%d trials by %d workers", trials, workers)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	var once sync.Once
	var failed error
	fail := func(err error) {
		once.Do(func() { failed = err })
		stop()
	}
	places := make(chan struct{}, workers)
	for trial := 0; trial < trials; trial++ {
		select {
		case places <- struct{}{}:
		case <-running.Done():
		}
		if running.Err() != nil {
			break
		}
		asked, err := s.Ask()
		if errors.Is(err, ErrExhausted) {
			break
		}
		if err != nil {
			fail(err)
			break
		}
		group.Add(1)
		go func() {
			defer group.Done()
			if err := s.run(running, asked, objective); err != nil {
				fail(err)
			}
			<-places
		}()
	}
	group.Wait()
	best, err := s.Best()
	switch {
	case failed != nil:
		return best, failed
	case ctx.Err() != nil:
		return best, ctx.Err()
	default:
		return best, err
	}
}

// run tries one trial and tells its outcome.
func (s *Study) run(ctx context.Context, trial Trial, objective Objective) (err error) {
	defer func() {
		switch panicked := recover().(type) {
		case nil:
		case *Error:
			err = panicked
		default:
			panic(panicked)
		}
	}()
	value, failure := objective(ctx, trial)
	switch {
	case failure == nil:
		return s.Tell(trial.ID, value)
	case errors.Is(failure, ErrPruned):
		return s.TellPruned(trial.ID)
	case ctx.Err() != nil:
		// The objective was interrupted, which says nothing about the configuration.
		return nil
	default:
		return s.TellFailed(trial.ID)
	}
}
