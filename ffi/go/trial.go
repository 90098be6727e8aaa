package optiformer

import "math"

// A Trial is a configuration with the id to tell its outcome by.
type Trial struct {
	ID         uint64
	values     []float64
	parameters []Parameter
}

// Active reports whether a parameter has a value, which its condition may forbid.
//
// It panics with an [*Error] for a name that the space does not have, as the functions below do.
func (t Trial) Active(name string) bool {
	_, number := t.find(name)
	return !math.IsNaN(number)
}

// Float is the value of a float or an int. A parameter that is not active is NaN.
func (t Trial) Float(name string) float64 {
	parameter, number := t.find(name)
	if parameter.kind == categorical {
		panic(invalid("parameter %q is a choice; Text or Get has it", name))
	}
	return number
}

// Int is the value of an int. A parameter that is not active is 0.
func (t Trial) Int(name string) int {
	parameter, number := t.find(name)
	if parameter.kind != integer {
		panic(invalid("parameter %q is no int", name))
	}
	if math.IsNaN(number) {
		return 0
	}
	return int(number)
}

// Text is the choice of a categorical among texts. A parameter that is not active is "".
func (t Trial) Text(name string) string {
	switch value := t.Get(name).(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		panic(invalid("parameter %q is %v, which is no text", name, value))
	}
}

// Get gives a float64, an int64 or a choice. A parameter that is not active is nil.
func (t Trial) Get(name string) any {
	parameter, number := t.find(name)
	if math.IsNaN(number) {
		return nil
	}
	return parameter.value(number)
}

// Parameters are the values of all active parameters by name.
func (t Trial) Parameters() map[string]any {
	named := make(map[string]any, len(t.values))
	for index, number := range t.values {
		if !math.IsNaN(number) {
			named[t.parameters[index].name] = t.parameters[index].value(number)
		}
	}
	return named
}

func (t Trial) find(name string) (*Parameter, float64) {
	for index := range t.parameters {
		if t.parameters[index].name == name {
			return &t.parameters[index], t.values[index]
		}
	}
	panic(unknownParameter(t.parameters, name))
}
