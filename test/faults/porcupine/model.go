package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/anishathalye/porcupine"
)

// environmentsMax bounds the state, which is a plain value so that states can be compared and hashed as they are.
const environmentsMax = 16

// unknownRevision stands for that of a write whose answer never came: it lies strictly between floor and ceiling.
const unknownRevision = -1

// cell is one environment: revision 0 says that it does not exist.
type cell struct {
	value    string
	revision int64
	floor    int64
	// 0: none yet.
	ceiling int64
}

// state is all environments of a history, and the highest revision that was given out.
type state struct {
	cells [environmentsMax]cell
	last  int64
}

// names gives each environment of a history its place in a state.
type names map[string]int

func namesOf(history []line) (names, error) {
	found := map[string]bool{}
	for _, one := range history {
		for name := range one.Sets {
			found[name] = true
		}
		for name := range one.At {
			found[name] = true
		}
		for name := range one.Found {
			found[name] = true
		}
	}
	if len(found) > environmentsMax {
		return nil, fmt.Errorf("%d environments, and a history may have %d", len(found), environmentsMax)
	}
	sorted := make([]string, 0, len(found))
	for name := range found {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	places := names{}
	for place, name := range sorted {
		places[name] = place
	}
	return places, nil
}

// modelOf is what a history must look like from outside: every operation as if alone, in an order that agrees with the clock.
func modelOf(places names) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return state{} },
		Step: func(from, input, _ interface{}) (bool, interface{}) {
			one, before := input.(*line), from.(state)
			if one.Kind == "read" {
				return read(before, one, places)
			}
			return write(before, one, places)
		},
		DescribeOperation: func(input, _ interface{}) string { return input.(*line).String() },
		DescribeState: func(of interface{}) string {
			var text []string
			for name, place := range places {
				if one := of.(state).cells[place]; one.revision != 0 {
					text = append(text, fmt.Sprintf("%s=%s@%d", name, one.value, one.revision))
				}
			}
			sort.Strings(text)
			return strings.Join(text, " ")
		},
	}
}

// learn puts the revision into all cells that the write of this value changed, if it can be that of this write.
func (s *state) learn(place int, revision int64) bool {
	one := s.cells[place]
	if revision <= one.floor || (one.ceiling != 0 && revision >= one.ceiling) {
		return false
	}
	for i := range s.cells {
		if s.cells[i].revision == unknownRevision && s.cells[i].value == one.value {
			s.cells[i] = cell{value: one.value, revision: revision}
		}
	}
	s.last = max(s.last, revision)
	return true
}

func read(s state, one *line, places names) (bool, interface{}) {
	for name, found := range one.Found {
		place := places[name]
		is := s.cells[place]
		switch {
		case found == nil:
			if is.revision != 0 {
				return false, s
			}
		case is.revision == 0 || is.value != found.Value:
			return false, s
		case is.revision == unknownRevision:
			if !s.learn(place, found.Revision) {
				return false, s
			}
		case is.revision != found.Revision:
			return false, s
		}
	}
	return true, s
}

// holds says whether the conditions hold; what it takes for that is learnt. certain: no unknown revision decided.
func holds(s *state, one *line, places names) (held, certain bool) {
	held, certain = true, true
	for name, wanted := range one.At {
		place := places[name]
		switch is := s.cells[place]; {
		case is.revision == unknownRevision:
			certain = false
			held = held && s.learn(place, wanted)
		default:
			held = held && is.revision == wanted
		}
	}
	return held, certain
}

func write(s state, one *line, places names) (bool, interface{}) {
	learnt := s
	held, certain := holds(&learnt, one, places)
	if one.Outcome == "refused" {
		// Where only an unknown revision could have made the condition hold, it may as well not have held.
		return !held || !certain, s
	}
	if !held {
		return one.Outcome == "unknown", s
	}
	s = learnt
	made := cell{revision: one.Revision}
	if one.Outcome == "unknown" {
		made = cell{revision: unknownRevision, floor: s.last}
	} else {
		// Also no revision may be left out, for then its own write would come too late: seen here, the search need not go on to
		// the end of the history to learn it.
		if one.Revision <= s.last || one.previous > s.last {
			return false, s
		}
		s.last = one.Revision
		for i := range s.cells {
			if s.cells[i].revision == unknownRevision && s.cells[i].ceiling == 0 {
				s.cells[i].ceiling = one.Revision
			}
		}
	}
	for name, value := range one.Sets {
		made.value = value
		s.cells[places[name]] = made
	}
	return true, s
}

// linked tells each write that was done which one of this history comes before it by revision.
func linked(history []line) {
	var done []*line
	for i := range history {
		if history[i].Outcome == "done" {
			done = append(done, &history[i])
		}
	}
	sort.Slice(done, func(a, b int) bool { return done[a].Revision < done[b].Revision })
	for i, one := range done {
		one.previous = 0
		if i > 0 {
			one.previous = done[i-1].Revision
		}
	}
}

func (one *line) String() string {
	var text []string
	for name, found := range one.Found {
		if found == nil {
			text = append(text, name+" is not there")
		} else {
			text = append(text, fmt.Sprintf("%s is %s@%d", name, found.Value, found.Revision))
		}
	}
	for name, value := range one.Sets {
		text = append(text, fmt.Sprintf("%s := %s", name, value))
	}
	for name, revision := range one.At {
		text = append(text, fmt.Sprintf("if %s is at %d", name, revision))
	}
	sort.Strings(text)
	what := strings.Join(text, ", ")
	switch one.Outcome {
	case "done":
		return fmt.Sprintf("write %s → %d", what, one.Revision)
	case "refused", "unknown":
		return fmt.Sprintf("write %s → %s", what, one.Outcome)
	}
	return "read " + what
}
