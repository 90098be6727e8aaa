package optiformer_test

import (
	"context"
	"errors"
	"fmt"
	"math"

	optiformer "github.com/optiformer/optiformer/ffi/go"
)

func Example() {
	space, err := optiformer.NewSpace(
		optiformer.Float("rate", 1e-4, 1).Log(),
		optiformer.Int("units", 4, 256),
	)
	if err != nil {
		panic(err)
	}
	study, err := optiformer.NewStudy(space, optiformer.Options{Seed: 1})
	if err != nil {
		panic(err)
	}
	train := func(_ context.Context, trial optiformer.Trial) (float64, error) {
		return math.Abs(math.Log10(trial.Float("rate"))+2) + math.Abs(float64(trial.Int("units")-64))/256, nil
	}
	best, err := study.Optimize(context.Background(), 40, train)
	if err != nil {
		panic(err)
	}
	fmt.Println(best.Value < 0.3)
	// Output: true
}

func ExampleStudy_Ask() {
	space, _ := optiformer.NewSpace(optiformer.Float("x", -5, 5))
	study, _ := optiformer.NewStudy(space, optiformer.Options{Sampler: "gp"})
	for trials := 0; trials < 20; trials++ {
		trial, err := study.Ask()
		if err != nil {
			panic(err)
		}
		x := trial.Float("x")
		if err := study.Tell(trial.ID, (x-1)*(x-1)); err != nil {
			panic(err)
		}
	}
	best, _ := study.Best()
	fmt.Printf("%.1f\n", best.Float("x"))
	// Output: 1.0
}

func ExampleParameter_When() {
	space, _ := optiformer.NewSpace(
		optiformer.Categorical("optimizer", "sgd", "adam"),
		optiformer.Float("momentum", 0, 0.99).When("optimizer", "sgd"),
	)
	study, _ := optiformer.NewStudy(space, optiformer.Options{Sampler: "sobol"})
	for trials := 0; trials < 8; trials++ {
		trial, _ := study.Ask()
		if trial.Active("momentum") != (trial.Text("optimizer") == "sgd") {
			fmt.Println("inactive parameters have no value")
		}
	}
	// Output:
}

func ExampleError() {
	_, err := optiformer.NewSpace(optiformer.Float("rate", 1, 0.1))
	fmt.Println(errors.Is(err, optiformer.ErrInvalidSpace))

	space, _ := optiformer.NewSpace(optiformer.Float("rate", 0.1, 1))
	study, _ := optiformer.NewStudy(space, optiformer.Options{})
	_, err = study.Optimize(context.Background(), 1, func(_ context.Context, trial optiformer.Trial) (float64, error) {
		return trial.Float("rat"), nil
	})
	fmt.Println(err)
	// Output:
	// true
	// optiformer: INVALID_VALUE: the space has no parameter "rat"; it has rate
}
