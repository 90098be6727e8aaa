package optiformer

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// A number may be null for an inactive parameter, or the name of one that JSON does not have.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "null":
		*n = number(math.NaN())
		return nil
	case `"nan"`, `"inf"`, `"-inf"`:
		text = text[1 : len(text)-1]
	}
	value, err := strconv.ParseFloat(string(text), 64)
	*n = number(value)
	return err
}

type outcome struct {
	Error *struct{ Status, Message string }
}

// check compares the error of a call with the one that the step wants, and reports whether it
// succeeded.
func (o outcome) check(t *testing.T, where any, err error) bool {
	t.Helper()
	if o.Error == nil {
		if err != nil {
			t.Fatal(where, err)
		}
		return true
	}
	found, ok := err.(*Error)
	if !ok || found.Status != o.Error.Status || found.Message != o.Error.Message {
		t.Fatalf("%v: %v, not %v", where, err, *o.Error)
	}
	return false
}

func read(t *testing.T, file string, document any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "tests", "conformance", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, document); err != nil {
		t.Fatal(err)
	}
}

// same compares numbers exactly, and NaN with NaN.
func same(one, two []float64) bool {
	if len(one) != len(two) {
		return false
	}
	for index := range one {
		if one[index] != two[index] && !(math.IsNaN(one[index]) && math.IsNaN(two[index])) {
			return false
		}
	}
	return true
}

func plain(numbers []number) []float64 {
	values := make([]float64, len(numbers))
	for index, number := range numbers {
		values[index] = float64(number)
	}
	return values
}

func rows(numbers [][]number) [][]float64 {
	var values [][]float64
	for _, row := range numbers {
		values = append(values, plain(row))
	}
	return values
}

// named is a row as the public functions take it.
func named(parameters []Parameter, row []number) map[string]any {
	named := map[string]any{}
	for index, value := range row {
		switch {
		case math.IsNaN(float64(value)):
		case parameters[index].kind == categorical:
			named[parameters[index].name] = parameters[index].choices[int(value)]
		default:
			named[parameters[index].name] = float64(value)
		}
	}
	return named
}

type step struct {
	outcome
	Call    string
	ID      uint64
	Step    uint64
	Value   number
	Values  []number
	Returns json.RawMessage

	Objectives, Constraints []number
}

func (s step) measured() Measurement { return Measurement{plain(s.Objectives), plain(s.Constraints)} }

// A storedTrial is a trial as the scenarios have it.
type storedTrial struct {
	ID                              uint64
	State                           string
	Values, Objectives, Constraints []number
	Reports                         [][2]float64
}

func (s storedTrial) is(found StoredTrial) bool {
	equal := s.ID == found.ID && s.State == found.State.String() && same(plain(s.Values), found.values) &&
		same(plain(s.Objectives), found.Objectives) && same(plain(s.Constraints), found.Constraints) &&
		len(s.Reports) == len(found.Reports)
	for index := 0; equal && index < len(s.Reports); index++ {
		equal = s.Reports[index] == [2]float64{float64(found.Reports[index].Step), found.Reports[index].Value}
	}
	return equal
}

// playMeasured plays the calls about what trials measure, and reports whether the step is one.
func (s step) playMeasured(t *testing.T, study *Study) bool {
	switch s.Call {
	case "tell_measured":
		s.check(t, s.Call, study.TellMeasured(s.ID, s.measured()))
	case "tell_pruned":
		s.check(t, s.Call, study.TellPruned(s.ID))
	case "report":
		s.check(t, s.Call, study.Report(s.ID, s.Step, float64(s.Value)))
	case "should_stop":
		var wanted bool
		stops, err := study.ShouldStop(s.ID)
		if s.check(t, s.Call, err) {
			if s.returns(t, &wanted); stops != wanted {
				t.Fatalf("trial %d stops: %v, not %v", s.ID, stops, wanted)
			}
		}
	case "promoted_from":
		var wanted uint64
		source, err := study.PromotedFrom(s.ID)
		if string(s.Returns) == "null" {
			if !errors.Is(err, ErrNotFound) {
				t.Fatalf("trial %d continues %d, %v", s.ID, source, err)
			}
			break
		}
		s.check(t, s.Call, err)
		if s.returns(t, &wanted); source != wanted {
			t.Fatalf("trial %d continues %d, not %d", s.ID, source, wanted)
		}
	case "add_measured":
		var wanted uint64
		id, err := study.AddMeasured(named(study.parameters, s.Values), s.measured())
		if s.check(t, s.Call, err) {
			if s.returns(t, &wanted); id != wanted {
				t.Fatalf("added %d, not %d", id, wanted)
			}
		}
	case "front":
		var wanted []uint64
		ids, err := study.Front()
		s.check(t, s.Call, err)
		if s.returns(t, &wanted); len(ids) != len(wanted) || (len(ids) > 0 && !reflect.DeepEqual(ids, wanted)) {
			t.Fatalf("a front of %v, not %v", ids, wanted)
		}
	case "violation":
		var wanted number
		violation, err := study.Violation(s.ID)
		s.check(t, s.Call, err)
		if s.returns(t, &wanted); violation != float64(wanted) {
			t.Fatalf("a violation of %v, not %v", violation, wanted)
		}
	case "trials":
		var wanted []storedTrial
		trials, err := study.Trials()
		s.check(t, s.Call, err)
		s.returns(t, &wanted)
		if len(trials) != len(wanted) {
			t.Fatalf("%d trials, not %d", len(trials), len(wanted))
		}
		for index := range trials {
			if !wanted[index].is(trials[index]) {
				t.Fatalf("%v, not %v", trials[index], wanted[index])
			}
		}
	default:
		return false
	}
	return true
}

// returns reads what the step gives.
func (s step) returns(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(s.Returns, into); err != nil {
		t.Fatal(s.Call, err)
	}
}

func (s step) play(t *testing.T, study *Study) {
	if s.playMeasured(t, study) {
		return
	}
	switch s.Call {
	case "ask":
		var wanted struct {
			ID     uint64
			Values []number
		}
		trial, err := study.Ask()
		if s.check(t, "ask", err) {
			s.returns(t, &wanted)
			if trial.ID != wanted.ID || !same(trial.values, plain(wanted.Values)) {
				t.Fatalf("trial %d at %v, not %v", trial.ID, trial.values, wanted)
			}
			if again, err := row(study.parameters, trial.Parameters()); err != nil || !same(again, trial.values) {
				t.Fatalf("%v became %v: %v", trial.Parameters(), again, err)
			}
		}
	case "tell":
		s.check(t, "tell", study.Tell(s.ID, float64(s.Value)))
	case "tell_failed":
		s.check(t, "tell_failed", study.TellFailed(s.ID))
	case "add":
		var wanted uint64
		id, err := study.Add(named(study.parameters, s.Values), float64(s.Value))
		if s.check(t, "add", err) {
			if s.returns(t, &wanted); id != wanted {
				t.Fatalf("added %d, not %d", id, wanted)
			}
		}
	case "enqueue":
		s.check(t, "enqueue", study.Enqueue(named(study.parameters, s.Values)))
	case "best":
		s.playBest(t, study)
	case "counts":
		var wanted Counts
		counts, err := study.Counts()
		s.check(t, "counts", err)
		if s.returns(t, &wanted); counts != wanted {
			t.Fatalf("%v, not %v", counts, wanted)
		}
	case "explain":
		var wanted struct {
			Sampler, Origin                             string
			Median, Deviation, Improvement, Feasibility number
		}
		found, err := study.Explain(s.ID)
		s.check(t, "explain", err)
		s.returns(t, &wanted)
		numbers := []float64{found.Median, found.Deviation, found.Improvement, found.Feasibility}
		expected := []number{wanted.Median, wanted.Deviation, wanted.Improvement, wanted.Feasibility}
		if found.Sampler != wanted.Sampler || found.Origin != wanted.Origin || !same(numbers, plain(expected)) {
			t.Fatalf("%v, not %v", found, wanted)
		}
	default:
		t.Fatalf("the scenarios have no call %s", s.Call)
	}
}

func (s step) playBest(t *testing.T, study *Study) {
	best, err := study.Best()
	if string(s.Returns) == "null" {
		outcome := outcome{Error: &struct{ Status, Message string }{"NOT_FOUND", "no trial has finished"}}
		outcome.check(t, "best", err)
		return
	}
	var wanted struct {
		ID     uint64
		Value  float64
		Values []number
	}
	s.check(t, "best", err)
	s.returns(t, &wanted)
	if best.ID != wanted.ID || best.Value != wanted.Value || !same(best.values, plain(wanted.Values)) {
		t.Fatalf("%v, not %v", best, wanted)
	}
}

func TestConformanceOfStudies(t *testing.T) {
	var document struct {
		Studies []struct {
			outcome
			Name, Direction, Sampler, Seed string
			Space                          json.RawMessage
			Steps                          []step
			Constraints                    []string
			Objectives                     []struct{ Name, Direction string }
			Pruner                         string
		}
	}
	read(t, "studies.json", &document)
	steps := 0
	for _, scenario := range document.Studies {
		space, err := SpaceFromJSON(string(scenario.Space))
		if err != nil {
			t.Fatal(scenario.Name, err)
		}
		seed, err := strconv.ParseUint(scenario.Seed, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		options := Options{Maximize: scenario.Direction == "maximize", Sampler: scenario.Sampler, Seed: seed}
		options.Constraints, options.Pruner = scenario.Constraints, scenario.Pruner
		for _, objective := range scenario.Objectives {
			named := NamedObjective{objective.Name, objective.Direction == "maximize"}
			options.Objectives = append(options.Objectives, named)
		}
		study, err := NewStudy(space, options)
		if !scenario.check(t, scenario.Name, err) {
			continue
		}
		t.Run(scenario.Name, func(t *testing.T) {
			for _, step := range scenario.Steps {
				steps++
				if step.Call != "restore" {
					step.play(t, study)
					continue
				}
				saved, err := study.Save()
				if err != nil {
					t.Fatal(err)
				}
				if study, err = RestoreStudy(saved, nil); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if steps < 1000 {
		t.Errorf("only %d steps were played", steps)
	}
}

func TestConformanceOfSpaces(t *testing.T) {
	var document struct {
		Built []struct {
			Name, JSON string
			Calls      []struct {
				outcome
				Call, Name, Parent string
				Low, High, Step    json.Number
				Log                bool
				Choices            []string
				Values             []float64
			}
		}
		Read []struct {
			outcome
			Name, Document, JSON string
		}
	}
	read(t, "spaces.json", &document)
	real := func(number json.Number) float64 { value, _ := number.Float64(); return value }
	whole := func(number json.Number) int64 { value, _ := number.Int64(); return value }
	for _, scenario := range document.Built {
		space := empty(t)
		for _, call := range scenario.Calls {
			var err error
			switch call.Call {
			case "add_float", "add_int":
				parameter := Float(call.Name, real(call.Low), real(call.High)).Step(real(call.Step))
				if call.Call == "add_int" {
					parameter = Int(call.Name, whole(call.Low), whole(call.High)).Step(real(call.Step))
				}
				if call.Log {
					parameter = parameter.Log()
				}
				err = space.Add(parameter)
			case "add_categorical":
				err = space.Add(Categorical(call.Name, call.Choices...))
			case "set_fidelity":
				err = space.SetFidelity(call.Name)
			default:
				var values []any
				for _, value := range call.Values {
					if index := space.index(call.Parent); index >= 0 {
						values = append(values, space.parameters[index].value(value))
					} else {
						values = append(values, value)
					}
				}
				err = space.SetCondition(call.Name, call.Parent, values...)
			}
			call.check(t, call.Call+" "+call.Name, err)
		}
		if found, err := space.JSON(); err != nil || found != scenario.JSON {
			t.Errorf("%s: %s, %v", scenario.Name, found, err)
		}
	}
	for _, scenario := range document.Read {
		space, err := SpaceFromJSON(scenario.Document)
		if scenario.check(t, scenario.Name, err) {
			if found, err := space.JSON(); err != nil || found != scenario.JSON {
				t.Errorf("%s: %s, %v", scenario.Name, found, err)
			}
		}
	}
}

func TestConformanceOfSuggestions(t *testing.T) {
	var document struct {
		Suggestions []struct {
			outcome
			Name, Sampler, Seed       string
			Space                     json.RawMessage
			History, Pending, Returns [][]number
			Losses                    []number
			Number                    uint64
			Count                     int
		}
	}
	read(t, "suggestions.json", &document)
	for _, scenario := range document.Suggestions {
		space, err := SpaceFromJSON(string(scenario.Space))
		if err != nil {
			t.Fatal(err)
		}
		seed, err := strconv.ParseUint(scenario.Seed, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Suggest(space, Request{
			History: rows(scenario.History),
			Losses:  plain(scenario.Losses),
			Pending: rows(scenario.Pending),
			Sampler: scenario.Sampler,
			Seed:    seed,
			Number:  scenario.Number,
		}, scenario.Count)
		if !scenario.check(t, scenario.Name, err) {
			continue
		}
		if len(found) != len(scenario.Returns) {
			t.Fatalf("%s: %d rows", scenario.Name, len(found))
		}
		for index, wanted := range rows(scenario.Returns) {
			if !same(found[index], wanted) {
				t.Errorf("%s: %v, not %v", scenario.Name, found[index], wanted)
			}
		}
	}
	if len(document.Suggestions) < 20 {
		t.Error("scenarios are missing")
	}
}
