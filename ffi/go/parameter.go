package optiformer

import (
	"fmt"
	"math"
	"strings"
)

type kind int

const (
	float kind = iota
	integer
	categorical
)

// A Parameter is one dimension of a [Space]; [Float], [Int] and [Categorical] make one.
type Parameter struct {
	name      string
	kind      kind
	low, high float64
	ints      [3]int64 // low, high and step
	log       bool
	step      float64
	choices   []any
	parent    string
	values    []any
	fidelity  bool
}

// Float is a real number in [low, high].
func Float(name string, low, high float64) Parameter {
	return Parameter{name: name, kind: float, low: low, high: high}
}

// Int is a whole number in [low, high], within ±2^53.
func Int(name string, low, high int64) Parameter {
	return Parameter{name: name, kind: integer, ints: [3]int64{low, high, 1}}
}

// Categorical is a choice among texts, all different, without an order.
func Categorical(name string, choices ...string) Parameter {
	made := Parameter{name: name, kind: categorical}
	for _, choice := range choices {
		made.choices = append(made.choices, choice)
	}
	return made
}

// Log puts a number on a logarithmic scale, where equal ratios are equally far apart; its low must
// be above 0.
func (p Parameter) Log() Parameter {
	p.log = true
	return p
}

// Step restricts a number to low, low + step and so on; an int's step is a whole number.
func (p Parameter) Step(step float64) Parameter {
	p.step = step
	p.ints[2] = int64(step)
	return p
}

// When makes the parameter active only while parent, added before it and an int or a categorical,
// has one of the values.
func (p Parameter) When(parent string, values ...any) Parameter {
	p.parent, p.values = parent, values
	return p
}

// Fidelity makes the parameter, a number above 0, the fidelity of the space: how much of a trial's
// full cost is spent on it, such as epochs. The sampler "hyperband" tries many configurations at
// low fidelities and the best of them again at higher ones; every other sampler hands out the
// highest.
func (p Parameter) Fidelity() Parameter {
	p.fidelity = true
	return p
}

// number is a value of the parameter as the library knows it: a choice by its index.
func (p *Parameter) number(value any) (float64, error) {
	if p.kind == categorical {
		for index, choice := range p.choices {
			if choice == value {
				return float64(index), nil
			}
		}
		// Numbers in documents are float64.
		if number, err := asFloat(value); err == nil {
			for index, choice := range p.choices {
				if choice == number {
					return float64(index), nil
				}
			}
		}
		return 0, invalid("parameter %q cannot be %#v; its choices are %s", p.name, value, listed(p.choices))
	}
	number, err := asFloat(value)
	if err != nil {
		return 0, invalid("parameter %q cannot be %#v", p.name, value)
	}
	return number, nil
}

// value is the inverse of number: a float64, an int64, or a choice.
func (p *Parameter) value(number float64) any {
	switch p.kind {
	case integer:
		return int64(number)
	case categorical:
		return p.choices[int(number)]
	default:
		return number
	}
}

func asFloat(value any) (float64, error) {
	switch value := value.(type) {
	case float64:
		return value, nil
	case float32:
		return float64(value), nil
	case int:
		return float64(value), nil
	case int64:
		return float64(value), nil
	case int32:
		return float64(value), nil
	case uint64:
		return float64(value), nil
	default:
		return math.NaN(), fmt.Errorf("%T is no number", value)
	}
}

func listed(values []any) string {
	texts := make([]string, len(values))
	for index, value := range values {
		texts[index] = fmt.Sprintf("%#v", value)
	}
	return strings.Join(texts, ", ")
}
