// Checks that a history of environments is linearizable: each environment by itself, and all of them together, which is what
// writes and reads of several environments ask for.
//
//	porcupine -history FILE -picture FILE [-timeout 60s]
//
// It answers one line of JSON. When it finds no order, -picture becomes a page that shows how far one could go.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// answer is what the check found.
type answer struct {
	// "ok", "illegal", or "unknown" when the time did not suffice.
	Verdict    string `json:"verdict"`
	Operations int    `json:"operations"`
	// Of which no outcome is known.
	Open int `json:"open"`
	// Where it is illegal: an environment, or "all environments together".
	Where string `json:"where,omitempty"`
	// The first operation that no order has a place for, and its neighbours.
	Place string `json:"place,omitempty"`
}

func main() {
	path := flag.String("history", "", "the history, one JSON object a line")
	picture := flag.String("picture", "", "where a page with the picture goes if no order is found")
	timeout := flag.Duration("timeout", time.Minute, "the longest that one search may take")
	flag.Parse()
	found, err := run(*path, *picture, *timeout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(1)
	}
}

func run(path, picture string, timeout time.Duration) (answer, error) {
	file, err := os.Open(path)
	if err != nil {
		return answer{}, err
	}
	defer file.Close()
	history, err := readHistory(file)
	if err != nil {
		return answer{}, err
	}
	places, err := namesOf(history)
	if err != nil {
		return answer{}, err
	}
	found := answer{Verdict: "ok", Operations: len(history)}
	for _, one := range history {
		if one.EndMicros == nil {
			found.Open++
		}
	}
	sorted := make([]string, 0, len(places))
	for name := range places {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	const together = "all environments together"
	for _, where := range append(sorted, together) {
		part := history
		if where != together {
			part = only(history, where)
		}
		linked(part)
		model := modelOf(places)
		verdict, info := porcupine.CheckOperationsVerbose(model, operations(part), timeout)
		if verdict == porcupine.Ok {
			continue
		}
		found.Verdict, found.Where, found.Place = "unknown", where, place(info, part)
		if verdict == porcupine.Illegal {
			found.Verdict = "illegal"
		}
		return found, porcupine.VisualizePath(model, info, picture)
	}
	return found, nil
}

// only is the history of one environment. A refusal for which another environment may be the cause says nothing about this one.
func only(history []line, name string) []line {
	var part []line
	for _, one := range history {
		mine := one
		mine.Sets, mine.At, mine.Found = pick(one.Sets, name), pick(one.At, name), pick(one.Found, name)
		if one.Outcome == "refused" && (len(one.At) > 1 || len(mine.At) == 0) {
			continue
		}
		// Of a write that may have been refused for the sake of another environment, its own part may be missing too: it is
		// unknown as it is. One that was done has met all conditions.
		if len(mine.Sets) > 0 || len(mine.Found) > 0 || len(mine.At) > 0 {
			part = append(part, mine)
		}
	}
	return part
}

func pick[T any](from map[string]T, name string) map[string]T {
	if value, there := from[name]; there {
		return map[string]T{name: value}
	}
	return nil
}

func operations(history []line) []porcupine.Operation {
	var end int64
	for _, one := range history {
		end = max(end, one.StartMicros)
		if one.EndMicros != nil {
			end = max(end, *one.EndMicros)
		}
	}
	made := make([]porcupine.Operation, len(history))
	for i := range history {
		one := &history[i]
		returned := end + 1
		if one.EndMicros != nil {
			returned = *one.EndMicros
		}
		made[i] = porcupine.Operation{ClientId: one.Client, Input: one, Call: one.StartMicros, Return: returned}
	}
	return made
}

// place tells how far the longest order goes, and which finished operation is the first without a place in it.
func place(info porcupine.LinearizationInfo, history []line) string {
	longest := map[*line]bool{}
	var last *line
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) <= len(longest) {
				continue
			}
			longest = map[*line]bool{}
			for _, one := range order {
				last = one.Input.(*line)
				longest[last] = true
			}
		}
	}
	var first *line
	for i := range history {
		one := &history[i]
		if !longest[one] && one.EndMicros != nil && (first == nil || *one.EndMicros < *first.EndMicros) {
			first = one
		}
	}
	if first == nil {
		return "no operation stands out"
	}
	text := fmt.Sprintf("%d of %d operations have an order; none has a place for: client %d, %d–%d µs: %s",
		len(longest), len(history), first.Client, first.StartMicros, *first.EndMicros, first)
	if last != nil {
		text += fmt.Sprintf("; the longest order ends with: client %d, from %d µs: %s", last.Client, last.StartMicros, last)
	}
	return text
}
